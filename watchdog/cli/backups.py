"""`backup`, and `backups list | show | verify | pin | prune`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from watchdog.backup.backup import Backup, Level
from watchdog.backup.catalogue import catalogue
from watchdog.cli.console import age, console, listing, local, short, size
from watchdog.cli.context import Context
from watchdog.cli.lines import Printer
from watchdog.cli.talk import talk

PROVEN = frozenset({Level.CHECKED, Level.VERIFIED})
COLUMNS = ("timestamp", "local time", "age", "level", "since", "size", "reason")


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
    console().print(listing(rows, COLUMNS, folds={"reason"}))


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
        rows = [{**row, "size": size(row["size_bytes"])} for row in rows]
        console().print(listing(rows, ("timestamp", "size", "fate", "reason"), folds={"reason"}))
    freed = sum(row["size_bytes"] for row in result["expired"])
    click.echo(f"{len(result['expired'])} backups {done}, {size(freed)}")


def _row(backup: Backup) -> dict[str, Any]:
    now = datetime.now(UTC)
    known = backup.verified_at if backup.level is Level.VERIFIED else backup.checked_at
    return {
        "timestamp": backup.timestamp,
        "at": backup.at.isoformat(),
        "local time": short(backup.at),
        "age": age(now - backup.at),
        "level": backup.level.value,
        "since": age(now - known) if known and backup.level in PROVEN else "",
        "checked_at": backup.checked_at.isoformat() if backup.checked_at else None,
        "verified_at": backup.verified_at.isoformat() if backup.verified_at else None,
        "size": size(backup.size_bytes),
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
    lines.append(f"{len(found['files'])} files, {size(found['size_bytes'])}")
    return lines + [f"  {file['name']}: {size(file['size_bytes'])}" for file in found["files"]]


def _when(moment: str | None) -> str:
    return f"on {local(datetime.fromisoformat(moment))}" if moment else "never"
