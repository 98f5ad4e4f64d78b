"""`pause` and `maintenance`: suspend what would be done unattended, for a limited time."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from watchdog.cli.console import short
from watchdog.cli.context import Context
from watchdog.cli.lines import Printer
from watchdog.cli.talk import talk
from watchdog.errors import UsageError


async def pause(
    context: Context, stack: str | None, *, length: str | None, end: bool, reason: str | None, as_json: bool
) -> None:
    if (length is None) != end:
        raise UsageError("say how long (ops-watchdog pause 2h), or --end")
    asked = {"kind": "pause", "length": length, "end": end, "reason": reason}
    await _suspend(context, stack, asked, as_json)


async def maintenance(
    context: Context, stack: str | None, *, length: str | None, end: bool, reason: str | None, as_json: bool
) -> None:
    asked = {"kind": "maintenance", "length": length, "end": end, "reason": reason}
    await _suspend(context, stack, asked, as_json)


async def show(context: Context, stack: str | None, as_json: bool) -> None:
    """What is suspended now."""
    found = await talk(context, {"command": "suspensions", "stack": stack}, Printer(quiet=True))
    if as_json:
        click.echo(json.dumps(found))
        return
    for suspension in found:
        click.echo(sentence(suspension))
    if not found:
        click.echo("nothing is suspended")


async def _suspend(context: Context, stack: str | None, asked: dict[str, Any], as_json: bool) -> None:
    result = await talk(context, {"command": "suspend", "stack": stack, **asked}, Printer(quiet=True))
    click.echo(json.dumps(result) if as_json else sentence(result))


def sentence(suspension: dict[str, Any]) -> str:
    """One of them, as `daemon.pausing` tells it, in this host's time."""
    if suspension["ended_at"]:
        return f"{suspension['kind']} is over"
    why = f": {suspension['reason']}" if suspension["reason"] else ""
    until = short(datetime.fromisoformat(suspension["until"]))
    return f"{suspension['kind']} until {until}, by {suspension['actor']}{why}"
