"""`backups`: options and words here, the work in `cli.backups`."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from watchdog.cli.commands.options import as_json, stack_option
from watchdog.cli.context import Context


@click.group()
def backups() -> None:
    """Look at the backups."""


@backups.command("list")
@stack_option
@as_json
@click.pass_obj
def backups_list(context: Context, stack: str | None, as_json: bool) -> None:
    """List the backups, newest first, with what is known of each."""
    from watchdog.cli.backups import show_all

    show_all(context, stack, as_json)


@backups.command("show")
@stack_option
@as_json
@click.argument("timestamp", metavar="TS")
@click.pass_obj
def backups_show(context: Context, stack: str | None, timestamp: str, as_json: bool) -> None:
    """Show what one backup holds, what is known of it, and how long it stays."""
    from watchdog.cli.backups import show

    asyncio.run(show(context, stack, timestamp, as_json))


@backups.command("verify")
@stack_option
@click.option("--checksums-only", is_flag=True, help="Read the files back, restore nothing.")
@as_json
@click.argument("timestamp", metavar="[TS]", required=False)
@click.pass_obj
def backups_verify(context: Context, /, stack: str | None, **options: Any) -> None:
    """Restore a backup beside the live database and compare it [default: the newest].

    Returns 0 where it is what was backed up, 1 where it is not or no server answers, 3 if it was refused.
    """
    from watchdog.cli.backups import verify

    asyncio.run(verify(context, stack, **options))


@backups.command("pin")
@stack_option
@click.option("--unpin", is_flag=True, help="Let it expire again.")
@as_json
@click.argument("timestamp", metavar="TS")
@click.pass_obj
def backups_pin(context: Context, stack: str | None, timestamp: str, unpin: bool, as_json: bool) -> None:
    """Keep a backup whatever its age."""
    from watchdog.cli.backups import pin

    asyncio.run(pin(context, stack, timestamp, not unpin, as_json))


@backups.command("prune")
@stack_option
@click.option("--dry-run", is_flag=True, help="Only tell what would be deleted.")
@as_json
@click.pass_obj
def backups_prune(context: Context, stack: str | None, dry_run: bool, as_json: bool) -> None:
    """Delete the backups that expired, and tell why the others stay."""
    from watchdog.cli.backups import prune

    asyncio.run(prune(context, stack, dry_run, as_json))
