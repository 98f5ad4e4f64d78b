"""`rollback`: shows the plan, asks, and has it carried out."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from watchdog.cli.context import Context
from watchdog.cli.lines import Printer
from watchdog.cli.talk import talk
from watchdog.errors import UsageError

HELD = 1
REFUSED = 3
EXIT_CODES = {"succeeded": 0, "refused": REFUSED}


async def rollback(
    context: Context,
    stack: str | None,
    *,
    backup_timestamp: str | None,
    keep_database: bool,
    database_only: bool,
    undo: str | None,
    plan: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """The exit code: 0 done (or the plan shown), 1 failed or held, 3 refused."""
    request = {
        "command": "rollback",
        "stack": stack,
        "backup_timestamp": backup_timestamp,
        "keep_database": keep_database,
        "database_only": database_only,
        "undo": undo,
    }
    if plan or not yes:
        shown = await talk(context, {**request, "plan": True}, Printer(quiet=True))
        _show_plan(shown, as_json and plan)
        if plan:
            return REFUSED if shown["obstacles"] else 0
        _ask()
        if undo is None:
            request["backup_timestamp"] = shown["backup_chosen"]  # what was shown is what is done
    result = await talk(context, request, Printer(quiet=as_json))
    if as_json:
        click.echo(json.dumps(result))
    else:
        click.echo(f"rollback {result['operation']}: {result['outcome']} {result['detail']}".rstrip())
    return EXIT_CODES.get(result["outcome"], HELD)


def _ask() -> None:
    if not sys.stdin.isatty():
        raise UsageError("nobody to ask: add --yes, or --plan to see what would be done")
    click.confirm("Roll back now?", abort=True)


def _show_plan(plan: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(plan))
        return
    click.echo(f"Plan: {' → '.join(step.replace('_', ' ') for step in plan['plan'])}")
    kept = "Release: what runs stays; the same containers are started again"
    click.echo(kept if "revert_compose" not in plan["plan"] else f"To release {plan['release']}")
    for database in plan["databases"]:
        comes = plan["returning"].get(database)
        back = f"{comes} comes back" if comes else f"backup {plan['backup']}, {plan['backup_age']} old"
        click.echo(f"Database {database}: {back}")
    if not plan["databases"]:
        click.echo("Database: kept as it is")
    for line in _displaces(plan):
        click.echo(line)
    for change in plan["images"]:
        click.echo(f"Image of {change['service']}: {(change['from'] or 'none')[:19]} → {change['to'][:19]}")
    for path in plan["files"]:
        click.echo(f"File {path}")
    click.echo(f"Not rolled back: {plan['not_rolled_back']}")
    for note in plan["notes"]:
        click.echo(f"NOTE: {note}")
    for obstacle in plan["obstacles"]:
        click.echo(f"OBSTACLE: {obstacle}")


def _displaces(plan: dict[str, Any]) -> list[str]:
    """What the live database would lose: kept aside, and still a loss."""
    found = []
    for table in plan["displaces"]:
        written = "" if table["written"] is None else f"{table['written']} rows written since, "
        found.append(f"Displaces {table['table']} of {table['database']}: {written}{table['net']:+d} in all")
    return [*found, *(f"Displaces unknown rows of {reason}" for reason in plan["displaces_unknown"])]
