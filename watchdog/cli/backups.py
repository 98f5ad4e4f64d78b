"""`backup`, and `backups list | show | verify | pin | prune`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from watchdog.backup.backup import Backup, Level
from watchdog.backup.catalogue import catalogue
from watchdog.cli.console import console
from watchdog.cli.context import Context
from watchdog.cli.lines import Printer
from watchdog.cli.talk import talk

MIB = 1024**2


async def make(context: Context, stack: str | None, as_json: bool) -> None:
    """Make one now."""
    result = await talk(context, {"command": "backup", "stack": stack}, Printer(quiet=as_json))
    click.echo(json.dumps(result) if as_json else f"backup {result['timestamp']} in {result['directory']}")


def show_all(context: Context, stack: str | None, as_json: bool) -> None:
    """All of them, newest first."""
    settings = context.stack(stack)
    found = catalogue(settings.backup.directory)
    own = [backup for backup in found if backup.stack in {"", settings.stack.name}]
    rows = [_row(backup) for backup in own]
    if len(found) > len(own):
        others = ", ".join(sorted({backup.stack for backup in found} - {"", settings.stack.name}))
        click.echo(f"{len(found) - len(own)} further backups there belong to stack {others}", err=True)
    if as_json:
        click.echo(json.dumps(rows))
        return
    if not rows:
        click.echo(f"no backups in {settings.backup.directory}; make one with 'ops-watchdog backup'")
        return
    _table(rows, ("timestamp", "local time", "age", "level", "since", "size", "reason"))


async def verify(
    context: Context, stack: str | None, timestamp: str | None, checksums_only: bool, as_json: bool
) -> None:
    """Restore one beside the live database and compare it."""
    request = {
        "command": "verify_backup",
        "stack": stack,
        "timestamp": timestamp,
        "checksums_only": checksums_only,
    }
    result = await talk(context, request, Printer(quiet=as_json))
    text = f"backup {result['timestamp']} is {result['level']} ({result['seconds']:.1f} s)"
    click.echo(json.dumps(result) if as_json else text)


async def show(context: Context, stack: str | None, timestamp: str, as_json: bool) -> None:
    """Everything about one of them."""
    request = {"command": "show_backup", "stack": stack, "timestamp": timestamp}
    found = await talk(context, request, Printer(quiet=True))
    if as_json:
        click.echo(json.dumps(found))
        return
    for line in _lines(found):
        click.echo(line)


async def pin(context: Context, stack: str | None, timestamp: str, pinned: bool, as_json: bool) -> None:
    """Keep it until it is unpinned."""
    request = {"command": "pin_backup", "stack": stack, "timestamp": timestamp, "pinned": pinned}
    result = await talk(context, request, Printer(quiet=as_json))
    text = f"backup {timestamp} is {'pinned: it stays' if pinned else 'no longer pinned'}"
    click.echo(json.dumps(result) if as_json else text)


async def prune(context: Context, stack: str | None, dry_run: bool, as_json: bool) -> None:
    """Delete what expired; why the others stay."""
    request = {"command": "prune_backups", "stack": stack, "dry_run": dry_run}
    result = await talk(context, request, Printer(quiet=as_json))
    if as_json:
        click.echo(json.dumps(result))
        return
    done = "would be deleted" if dry_run else "deleted"
    rows = [{**row, "fate": done} for row in result["expired"]]
    rows += [{**row, "fate": "kept"} for row in result["kept"]]
    if rows:
        _table([{**row, "size": _size(row)} for row in rows], ("timestamp", "size", "fate", "reason"))
    freed = sum(row["size_bytes"] for row in result["expired"])
    click.echo(f"{len(result['expired'])} backups {done}, {freed / MIB:.1f} MiB")


def _row(backup: Backup) -> dict[str, Any]:
    known = backup.verified_at if backup.level is Level.VERIFIED else backup.checked_at
    return {
        "timestamp": backup.timestamp,
        "at": backup.at.isoformat(),
        "local time": _local(backup.at),
        "age": age(datetime.now(UTC) - backup.at),
        "level": backup.level.value,
        "since": _local(known) if known and backup.level in {Level.CHECKED, Level.VERIFIED} else "",
        "checked_at": backup.checked_at.isoformat() if backup.checked_at else None,
        "verified_at": backup.verified_at.isoformat() if backup.verified_at else None,
        "size": f"{backup.size_bytes / MIB:.1f} MiB",
        "size_bytes": backup.size_bytes,
        "release": backup.release.id if backup.release else None,
        "pinned": backup.pinned,
        "reason": backup.problem or backup.reason + (" (pinned)" if backup.pinned else ""),
    }


def _lines(found: Mapping[str, Any]) -> list[str]:
    release = found["release"]
    lines = [
        f"Backup {found['timestamp']} in {found['directory']}: {found['level']}",
        f"Made {_when(found['at'])}, {found['reason'] or 'nobody knows why'}",
        f"Files read back {_when(found['checked_at'])}, restored and compared {_when(found['verified_at'])}",
        f"Kept: {found['kept'] or 'no longer'}; it expires by age {_when(found['expires_at'])}",
    ]
    lines += [f"PROBLEM: {found['problem']}"] if found["problem"] else []
    lines.append(f"Release {release['id']}" if release else "Release: not known")
    lines += [
        f"  {s['service']}: {s['image']} ({s['image_id'][:19]})" for s in (release or {}).get("services", ())
    ]
    for database in found["databases"]:
        rows, tables = sum(database["tables"].values()), len(database["tables"])
        lines.append(f"Database {database['name']} of {database['server']}: {tables} tables, {rows} rows")
        lines += [f"  {name}: {count}" for name, count in database["tables"].items()]
    lines.append(f"{len(found['files'])} files, {_size(found)}")
    return lines + [f"  {file['name']}: {_size(file)}" for file in found["files"]]


def _size(row: Mapping[str, Any]) -> str:
    return f"{row['size_bytes'] / MIB:.1f} MiB"


def _when(moment: str | None) -> str:
    return f"on {_local(datetime.fromisoformat(moment))}" if moment else "never"


def _local(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=column != "reason", overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(row[column] or "-")) for column in columns))
    console().print(table)


def age(duration: timedelta) -> str:
    """Rounded as people say it: `40 s`, `12 min`, `5 h`, `3 d`."""
    seconds = duration.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
