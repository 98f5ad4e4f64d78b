"""`approve` and `abort`: options and words here, the work in `cli.decide`."""

from __future__ import annotations

import asyncio
import sys

import click

from watchdog.cli.commands.options import as_json, stack_option
from watchdog.cli.context import Context


@click.command()
@stack_option
@click.option("--plan", is_flag=True, help="Show what would be done and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask: do what was proposed, or nothing.")
@as_json
@click.pass_obj
def approve(context: Context, stack: str | None, plan: bool, yes: bool, as_json: bool) -> None:
    """Carry out the rollback that waits for approval (rollback.mode: approve).

    It is decided anew: where the world has changed since, the proposal is withdrawn and nothing is done.
    Returns 0 done (or the plan has no obstacle), 1 failed or held, 3 if it was refused.
    """
    from watchdog.cli.decide import approve as run_approval

    sys.exit(asyncio.run(run_approval(context, stack, plan=plan, yes=yes, as_json=as_json)))


@click.command()
@stack_option
@click.option("--reason", metavar="TEXT", help="Why; for the alert and the audit.")
@as_json
@click.pass_obj
def abort(context: Context, stack: str | None, reason: str | None, as_json: bool) -> None:
    """Reject the rollback that waits for approval; or say that a held one is dealt with.

    Nothing is touched: a failed deployment stays as it is, and so does what a held rollback left.
    """
    from watchdog.cli.decide import abort as run_abort

    asyncio.run(run_abort(context, stack, reason=reason, as_json=as_json))
