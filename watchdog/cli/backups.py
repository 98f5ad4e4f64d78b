"""`backup` and `backups list`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rich.table import Table

from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import catalogue
from watchdog.cli.console import console
from watchdog.cli.context import Context
from watchdog.cli.lines import Printer
from watchdog.cli.talk import talk


async def make(context: Context, stack: str | None, as_json: bool) -> None:
    """Make one now."""
    result = await talk(context, {"command": "backup", "stack": stack}, Printer(quiet=as_json))
    click.echo(json.dumps(result) if as_json else f"backup {result['timestamp']} in {result['directory']}")


def show(context: Context, stack: str | None, as_json: bool) -> None:
    """All of them, newest first."""
    settings = context.stack(stack)
    rows = [_row(backup) for backup in catalogue(settings.backup.directory)]
    if as_json:
        click.echo(json.dumps(rows))
        return
    if not rows:
        click.echo(f"no backups in {settings.backup.directory}; make one with 'ops-watchdog backup'")
        return
    columns = ("timestamp", "local time", "age", "level", "size", "reason")
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=column != "reason", overflow="fold")
    for row in rows:
        table.add_row(*(str(row[column] or "-") for column in columns))
    console().print(table)


def _row(backup: Backup) -> dict[str, Any]:
    return {
        "timestamp": backup.timestamp,
        "at": backup.at.isoformat(),
        "local time": backup.at.astimezone().strftime("%Y-%m-%d %H:%M"),
        "age": age(datetime.now(UTC) - backup.at),
        "level": backup.level.value,
        "size": f"{backup.size_bytes / 1024**2:.1f} MiB",
        "size_bytes": backup.size_bytes,
        "release": backup.release.id if backup.release else None,
        "reason": backup.reason,
    }


def age(duration: timedelta) -> str:
    """Rounded as people say it: `40 s`, `12 min`, `5 h`, `3 d`."""
    seconds = duration.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
