"""`status`: armed, or why not; then services, checks and backups at a glance."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from watchdog.cli.console import console
from watchdog.cli.context import Context
from watchdog.cli.lines import Printer
from watchdog.cli.talk import talk

COLOURS = {"green": "green", "red": "red", "running": "green", "healthy": "green", "unhealthy": "red"}


async def status(context: Context, stack: str | None, as_json: bool) -> None:
    """Of one stack, or of all of them."""
    names = [stack] if stack else context.names()
    found = [await _ask(context, name) for name in names]
    if as_json:
        click.echo(json.dumps(found[0] if stack else found))
        return
    out = console()
    for document in found:
        _show(out, document)


async def _ask(context: Context, stack: str | None) -> dict[str, Any]:
    document = await talk(context, {"command": "status", "stack": stack}, Printer(quiet=True))
    return {**document, "daemon": not context.alone}


def _show(console: Console, status: dict[str, Any]) -> None:
    armed = "[green]armed[/]" if status["armed"] else "[red]not armed[/]"
    console.print(f"[bold]{status['stack']}[/]: {armed} (mode {status['mode']})")
    if not status["daemon"]:
        console.print("  · no daemon runs, so nothing is watched: systemctl start ops-watchdog")
    for reason in status["why_not"]:
        console.print(f"  · {reason}", markup=False)
    if status["unreachable"]:
        console.print(status["unreachable"], markup=False, soft_wrap=True)
    if status["doing"]:
        console.print(f"busy: {status['doing']}", markup=False)
    console.print(f"release {status['release'] or '-'}, last known good {status['last_known_good'] or '-'}")
    _show_last(console, "deployment", status["deployment"], "phase")
    _show_last(console, "rollback", status["last_rollback"], "outcome")
    console.print(_table("service", status["services"], ("service", "state", "health", "image", "restarts")))
    console.print(_table("check", status["checks"], ("check", "state", "since", "detail")))
    backups = status["backups"]
    console.print(f"backups: {backups['count']} in {backups['directory']}, newest {backups['newest'] or '-'}")
    if standby := status["standby"]:
        console.print(f"standby: {_standby(standby)}", markup=False, soft_wrap=True)


def _standby(standby: dict[str, Any]) -> str:
    about = f" for backup {standby['backup']}" if standby["backup"] else ""
    return f"{standby['state']}{about}" + (f": {standby['reason']}" if standby["reason"] else "")


def _show_last(console: Console, what: str, document: dict[str, Any] | None, state: str) -> None:
    if document is not None:
        reasons = "; ".join(document.get("reasons", ())) or document.get("detail", "")
        line = f"last {what} {document['id']}: {document[state]} {reasons}"
        console.print(line.rstrip(), markup=False)


def local(moment: str) -> str:
    """An instant as people read it, in this host's time."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _table(title: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Table:
    table = Table(*columns, box=None, pad_edge=False, title_justify="left")
    for row in rows:
        cells = []
        for column in columns:
            text = "" if row[column] is None else str(row[column])
            text = local(text) if column == "since" and text else text
            colour = COLOURS.get(text)
            cells.append(f"[{colour}]{text}[/]" if colour else text.replace("[", r"\["))
        table.add_row(*cells)
    return table
