"""`incidents`: options and words here, the work in `cli.incidents`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from watchdog.cli.commands.options import as_json, stack_option
from watchdog.cli.context import Context


@click.group()
def incidents() -> None:
    """Look at what went wrong, and get at the rows that a rollback displaced."""


@incidents.command("list")
@stack_option
@as_json
@click.pass_obj
def incidents_list(context: Context, stack: str | None, as_json: bool) -> None:
    """List the incidents, newest first, with what each displaced."""
    from watchdog.cli.incidents import show_all

    asyncio.run(show_all(context, stack, as_json))


@incidents.command("show")
@stack_option
@as_json
@click.argument("incident", metavar="ID")
@click.pass_obj
def incidents_show(context: Context, stack: str | None, incident: str, as_json: bool) -> None:
    """Show the report of one incident."""
    from watchdog.cli.incidents import show

    asyncio.run(show(context, stack, incident, as_json))


@incidents.command("salvage")
@stack_option
@click.option("--table", "tables", metavar="T", multiple=True, help="Only this table; may be repeated.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the files go [default: the incident's own directory].",
)
@click.option("--apply", is_flag=True, help="Put the rows that fit back into the live database.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.argument("incident", metavar="ID")
@click.pass_obj
def incidents_salvage(context: Context, /, stack: str | None, incident: str, **options: Any) -> None:
    """Write the rows that a rollback displaced as CSV and as SQL, table by table.

    Inserted and updated rows, and the keys of deleted ones. With --apply, inserted rows whose keys are free
    and that fit go back, all in one transaction; the user's triggers do not fire, foreign keys are checked.
    Returns 0 done, 1 where rows did not fit or it failed, 3 if it was refused.
    """
    from watchdog.cli.incidents import salvage

    sys.exit(asyncio.run(salvage(context, stack, incident, **options)))
