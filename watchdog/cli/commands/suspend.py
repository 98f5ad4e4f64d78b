"""`pause` and `maintenance`: options and words here, the work in `cli.suspend`."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from watchdog.cli.commands.options import as_json, stack_option
from watchdog.cli.context import Context

reason_option = click.option("--reason", metavar="TEXT", help="Why; for the alert and the audit.")
MAINTENANCE = "1h"
"""Long enough for ordinary work, and forgotten for an hour at most."""


@click.command()
@stack_option
@click.option("--end", is_flag=True, help="Let automatic rollback go on now.")
@reason_option
@as_json
@click.argument("length", metavar="[DURATION]", required=False)
@click.pass_obj
def pause(context: Context, /, stack: str | None, **options: Any) -> None:
    """Roll nothing back unattended for a while, at most 7d: ops-watchdog pause 2h.

    Everything is recorded and told as ever. A person's own rollback and approval are not held up.
    """
    from watchdog.cli.suspend import pause as run_pause

    asyncio.run(run_pause(context, stack, **options))


@click.group()
def maintenance() -> None:
    """Announce that people are at work: the page is shown, nothing is rolled back unattended."""


@maintenance.command("on")
@stack_option
@reason_option
@as_json
@click.argument("length", metavar="[DURATION]", default=MAINTENANCE)
@click.pass_obj
def maintenance_on(
    context: Context, stack: str | None, length: str, reason: str | None, as_json: bool
) -> None:
    """Begin [default: 1h, at most 7d]. Alerts of checks wait until it is over."""
    from watchdog.cli.suspend import maintenance as run_maintenance

    asyncio.run(run_maintenance(context, stack, length=length, end=False, reason=reason, as_json=as_json))


@maintenance.command("off")
@stack_option
@as_json
@click.pass_obj
def maintenance_off(context: Context, stack: str | None, as_json: bool) -> None:
    """End it now."""
    from watchdog.cli.suspend import maintenance as run_maintenance

    asyncio.run(run_maintenance(context, stack, length=None, end=True, reason=None, as_json=as_json))


@maintenance.command("show")
@stack_option
@as_json
@click.pass_obj
def maintenance_show(context: Context, stack: str | None, as_json: bool) -> None:
    """Show what is suspended now, until when and by whom."""
    from watchdog.cli.suspend import show

    asyncio.run(show(context, stack, as_json))
