"""`incidents list`, `show` and `salvage`."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from watchdog.cli.console import console, listing, short
from watchdog.cli.context import Context
from watchdog.cli.lines import Printer
from watchdog.cli.talk import talk
from watchdog.errors import UsageError

COLUMNS = ("incident", "local time", "outcome", "reason", "displaced rows")


async def show_all(context: Context, stack: str | None, as_json: bool) -> None:
    """Newest first."""
    found = await talk(context, {"command": "incidents", "stack": stack}, Printer(quiet=as_json))
    if as_json:
        click.echo(json.dumps(found))
        return
    if not found:
        click.echo("no incidents")
        return
    rows = [_row(incident) for incident in found]
    console().print(listing(rows, COLUMNS, folds={"reason", "displaced rows"}))


def _row(incident: Mapping[str, Any]) -> dict[str, str]:
    lost = "; ".join(incident["lost"]) or ("not told yet" if incident["displaced"] else "")
    at = short(datetime.fromisoformat(incident["at"]))
    told = {"incident": incident["id"], "local time": at, "displaced rows": lost}
    return {**told, "outcome": incident["outcome"], "reason": incident["reason"]}


async def show(context: Context, stack: str | None, incident: str, as_json: bool) -> None:
    """The report."""
    request = {"command": "incident", "stack": stack, "incident": incident}
    found = await talk(context, request, Printer(quiet=as_json))
    click.echo(json.dumps(found) if as_json else found["report"])


async def salvage(
    context: Context,
    stack: str | None,
    incident: str,
    *,
    tables: tuple[str, ...],
    directory: Path | None,
    apply: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """The exit code: 1 where rows that were to be put back did not fit."""
    if apply and not yes:
        _ask()
    receiver = None if directory is None else Receiver(directory)
    request = {
        "command": "salvage",
        "stack": stack,
        "incident": incident,
        "tables": list(tables),
        "apply": apply,
        "send": receiver is not None,
    }
    result = await talk(context, request, Printer(quiet=as_json), files=receiver)
    if directory is not None:
        _moved(result, directory)
    if as_json:
        click.echo(json.dumps(result))
    else:
        _print(result)
    refused = [t for d in result["databases"] for t in d["tables"] if (t["put_back"] or {}).get("refused")]
    return 1 if refused else 0


def _moved(result: dict[str, Any], directory: Path) -> None:
    """The files lie where the client wrote them; where they were made, nothing is left."""
    made = result["directory"]
    for database in result["databases"]:
        database["directory"] = str(directory / Path(database["directory"]).relative_to(made))
    result["directory"] = str(directory)


class Receiver:
    """Writes the files that the daemon sends, as whoever called: new ones, for their owner alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._begun: set[str] = set()
        if directory.exists() and any(directory.iterdir()):
            raise UsageError(f"{directory} is not empty; name a directory that is, or does not exist yet")

    def take(self, message: Mapping[str, Any]) -> None:
        """One block of a file. Raises `UsageError` where it cannot be written."""
        name = str(message["file"])
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise UsageError(f"the daemon sent a file of an unexpected name: {name!r}")
        path = self._directory / name
        flags = os.O_WRONLY | (os.O_APPEND if name in self._begun else os.O_CREAT | os.O_EXCL)
        try:
            for directory in (self._directory, path.parent):  # a mode is given to the last one made only
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                file.write(base64.b64decode(message["content"]))
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from error
        self._begun.add(name)


def _ask() -> None:
    if not sys.stdin.isatty():
        raise UsageError("nobody to ask: add --yes, or leave --apply out to get files only")
    click.confirm("Put the displaced rows that fit back into the live database?", abort=True)


def _print(result: dict[str, Any]) -> None:
    for database in result["databases"]:
        click.echo(f"{database['displaced']} → {database['database']}")
        if database["note"]:
            click.echo(f"  {database['note']}")
        for table in database["tables"]:
            click.echo(f"  {_line(table)}")
            for reason, count in (table["put_back"] or {}).get("refused", {}).items():
                click.echo(f"    {count} not put back: {reason}")
    click.echo(f"files in {result['directory']}")


def _line(table: dict[str, Any]) -> str:
    counts = ", ".join(f"{count} {kind}" for kind, count in table["salvaged"].items() if count) or "no rows"
    back = table["put_back"]
    parts = [f"{table['table']}: {counts}", f"{back['back']} put back" if back else ""]
    if back and back["without"]:
        parts.append(f"without {', '.join(back['without'])}, which the live table does not have")
    if back and back["triggers_fired"]:
        parts.append("its triggers fired: it is not ours to silence them")
    return "; ".join(part for part in (*parts, table["note"]) if part)
