"""`status`: armed, or why not; then services, checks and backups at a glance."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from watchdog.cli.console import age, console, short
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
        show(out, document)


async def _ask(context: Context, stack: str | None) -> dict[str, Any]:
    document = await talk(context, {"command": "status", "stack": stack}, Printer(quiet=True))
    return {**document, "daemon": not context.alone}


def show(console: Console, status: dict[str, Any]) -> None:
    """One stack, as `daemon.status` tells it."""
    armed = "[green]armed[/]" if status["armed"] else "[red]not armed[/]"
    console.print(f"[bold]{status['stack']}[/]: {armed} (mode {status['mode']})")
    if not status["daemon"]:
        console.print("  · no daemon runs, so nothing is watched: systemctl start ops-watchdog")
    for reason in status["why_not"]:
        console.print(f"  · {reason}", markup=False)
    for blind in status["blind_spots"]:
        console.print(f"blind spot: {blind}", markup=False, soft_wrap=True)
    for failed in status["quarantined"]:
        console.print(f"failed before: {failed}", markup=False, soft_wrap=True)
    if status["unreachable"]:
        console.print(status["unreachable"], markup=False, soft_wrap=True)
    if proposal := status["proposal"]:
        console.print(_proposal(proposal), markup=False, soft_wrap=True)
    if status["doing"]:
        console.print(f"busy: {status['doing']}", markup=False)
    console.print(_release(status))
    _show_last(console, "deployment", status["deployment"], "phase")
    _show_last(console, "rollback", status["last_rollback"], "outcome")
    console.print(_table("service", status["services"], ("service", "state", "health", "image", "restarts")))
    console.print(_table("check", status["checks"], ("check", "state", "since", "detail")))
    console.print(f"backups: {_backups(status['backups'])}", markup=False, soft_wrap=True)
    if standby := status["standby"]:
        console.print(f"standby: {_standby(standby)}", markup=False, soft_wrap=True)
    for displaced in status["displaced"]:
        console.print(f"displaced: {_displaced(displaced)}", markup=False, soft_wrap=True)


def _proposal(proposal: dict[str, Any]) -> str:
    left = age(max(datetime.fromisoformat(proposal["expires_at"]) - datetime.now(UTC), timedelta(0)))
    backup = f" with backup {proposal['backup']}" if proposal["backup"] else ""
    return (
        f"WAITS FOR APPROVAL: back to release {proposal['release']}{backup} ({proposal['plan']}), "
        f"{left} left: {proposal['command']}"
    )


def _release(status: dict[str, Any]) -> str:
    if status["runs_last_known_good"]:
        return f"release {status['last_known_good']}, which is the last known good one"
    return f"release {status['release'] or '-'}, last known good {status['last_known_good'] or '-'}"


def _backups(backups: dict[str, Any]) -> str:
    newest = f", newest {backups['newest']}, {_ago(backups['newest_at'])}" if backups["newest"] else ""
    return f"{backups['count']} in {backups['directory']}{newest}"


def _displaced(displaced: dict[str, Any]) -> str:
    """Until when: only its proved dump lets it go, however old it is."""
    until = short(datetime.fromisoformat(displaced["kept_until"]))
    trouble = f": {displaced['trouble']}" if displaced["trouble"] else ""
    return f"{displaced['name']} on {displaced['server']}, kept until {until} at least{trouble}"


def _standby(standby: dict[str, Any]) -> str:
    about = f" for backup {standby['backup']}" if standby["backup"] else ""
    return f"{standby['state']}{about}" + (f": {standby['reason']}" if standby["reason"] else "")


def _show_last(console: Console, what: str, document: dict[str, Any] | None, state: str) -> None:
    if document is not None:
        reasons = "; ".join(document.get("reasons", ())) or document.get("detail", "")
        line = f"last {what} {document['id']}, {_ago(document['started_at'])}: {document[state]}"
        console.print(line + (f": {reasons}" if reasons else ""), markup=False, soft_wrap=True)


def _ago(moment: str) -> str:
    return f"{age(datetime.now(UTC) - datetime.fromisoformat(moment))} ago"


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
