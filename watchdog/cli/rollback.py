"""`rollback`: shows the plan, asks, and has it carried out."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from watchdog.cli.context import Context
from watchdog.cli.lines import Printer
from watchdog.cli.plan_lines import plan_lines
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
    if sys.stdin.isatty() and not (yes or plan or as_json or undo or backup_timestamp):
        offers = await talk(context, {"command": "targets", "stack": stack}, Printer(quiet=True))
        request["backup_timestamp"] = _choose(offers)
    if plan or not yes:
        shown = await talk(context, {**request, "plan": True}, Printer(quiet=True))
        show_plan(shown, as_json and plan)
        if plan:
            return REFUSED if shown["obstacles"] else 0
        ask("Roll back now?")
        if undo is None:
            request["backup_timestamp"] = shown["backup_chosen"]  # what was shown is what is done
    result = await talk(context, request, Printer(quiet=as_json))
    tell_outcome(result, as_json)
    return EXIT_CODES.get(result["outcome"], HELD)


def _choose(offers: Sequence[Mapping[str, Any]]) -> str | None:
    """The timestamp that a person picks; None where there is nothing to pick from: then it is said why."""
    if not offers:
        return None
    for number, offered in enumerate(offers, 1):
        click.echo(f"{number:3}  {_offer(offered)}")
    numbers = click.IntRange(1, len(offers))
    newest = next((number for number, o in enumerate(offers, 1) if not o["runs"]), 1)
    return str(offers[click.prompt("Go back to", default=newest, type=numbers) - 1]["timestamp"])


def _offer(offered: Mapping[str, Any]) -> str:
    rows = "an unknown number of" if offered["rows"] is None else f"up to {offered['rows']}"
    release = "of what runs" if offered["runs"] else f"of release {offered['release']}"
    return (
        f"{offered['timestamp']}, {offered['age']} old, {offered['level']}, {release}: "
        f"displaces {rows} rows ({offered['reason']})"
    )


def ask(question: str) -> None:
    """Go on only if a person says so."""
    if not sys.stdin.isatty():
        raise UsageError("nobody to ask: add --yes, or --plan to see what would be done")
    if not click.confirm(question):
        click.echo("nothing was done", err=True)  # click's word for it, "Aborted!", is a command of ours
        raise click.exceptions.Exit(1)


def show_plan(plan: Mapping[str, Any], as_json: bool) -> None:
    """As `rollback.printout` makes it."""
    if as_json:
        click.echo(json.dumps(plan))
        return
    for line in plan_lines(plan):
        click.echo(line)


def tell_outcome(result: Mapping[str, Any], as_json: bool) -> None:
    """How it ended."""
    if as_json:
        click.echo(json.dumps(result))
        return
    detail = f": {result['detail']}" if result["detail"] else ""
    click.echo(f"rollback {result['operation']}: {result['outcome']}{detail}")
