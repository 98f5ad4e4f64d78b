"""`approve` and `abort`: what waits for a person, decided."""

from __future__ import annotations

import json
from typing import Any

import click

from watchdog.cli.context import Context
from watchdog.cli.lines import Printer
from watchdog.cli.rollback import EXIT_CODES, HELD, REFUSED, ask, show_plan, tell_outcome
from watchdog.cli.talk import talk

ABORTED = {
    "proposal": "the rollback proposed for deployment {id} was rejected: nothing is done",
    "held": "rollback {id} is no longer held: it is dealt with",
}


async def approve(context: Context, stack: str | None, *, plan: bool, yes: bool, as_json: bool) -> int:
    """The exit code, as of `rollback`. With --yes what was proposed is done, or nothing."""
    request: dict[str, Any] = {"command": "approve", "stack": stack}
    if plan or not yes:
        shown = await talk(context, {**request, "plan": True}, Printer(quiet=True))
        show_plan(shown, as_json and plan)
        if plan:
            return REFUSED if shown["obstacles"] else 0
        ask("Approve this rollback?")
        request["seen"] = shown["seen"]
    result = await talk(context, request, Printer(quiet=as_json))
    tell_outcome(result, as_json)
    return EXIT_CODES.get(result["outcome"], HELD)


async def abort(context: Context, stack: str | None, *, reason: str | None, as_json: bool) -> None:
    result = await talk(context, {"command": "abort", "stack": stack, "reason": reason}, Printer(quiet=True))
    click.echo(json.dumps(result) if as_json else ABORTED[result["aborted"]].format(id=result["id"]))
