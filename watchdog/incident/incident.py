"""An incident as values, and as the page that a person reads.

Written by `rollback.operate` at the rollback's end; what it cost is added later, by `rollback.aftermath`.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from watchdog.errors import Corrupt, UsageError
from watchdog.incident.loss import DatabaseLoss, figures, total

REPORT = "incident.md"
DOCUMENT = "incident.json"
SECTION = "## What was displaced"


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline. `seconds` is how long it took, None for a point in time."""

    at: datetime
    what: str
    seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """What failed, what was done, what was displaced, and where everything lies.

    `displaced` maps each database to the name under which its former state stays; `lost` is the account of
    what is in there and not in the live one, once it was made.
    """

    id: str
    stack: str
    outcome: str
    actor: str
    started_at: datetime
    ended_at: datetime | None
    reasons: tuple[str, ...]
    target: str
    backup: str | None
    timeline: tuple[Moment, ...]
    displaced: tuple[tuple[str, str], ...] = ()
    detail: str = ""
    lost: tuple[DatabaseLoss, ...] = ()


_ADAPTER = TypeAdapter(Incident)


def write(incident: Incident, directory: Path) -> None:
    """Both forms into `directory` (made if need be), readable by the owner only. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(directory / REPORT, render(incident))
    _write(directory / DOCUMENT, json.dumps(asdict(incident), default=str, indent=2) + "\n")


def read(root: Path, identifier: str) -> Incident:
    """One of those below `root`. Raises `UsageError` where there is none, `Corrupt` where it is damaged."""
    known = {path.parent.name for path in root.glob(f"*/{DOCUMENT}")}
    if identifier not in known:
        newest = ", ".join(sorted(known, reverse=True)[:3]) or "none at all"
        raise UsageError(f"there is no incident {identifier!r} in {root}; the newest: {newest}")
    path = root / identifier / DOCUMENT
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise Corrupt(f"{path} cannot be read; {REPORT} beside it is meant for people") from error


def listed(root: Path, stack: str) -> tuple[Incident, ...]:
    """Those of one stack, newest first; a damaged one is left out."""
    found = []
    for name in sorted((path.parent.name for path in root.glob(f"*/{DOCUMENT}")), reverse=True):
        with contextlib.suppress(Corrupt):
            found.append(read(root, name))
    return tuple(incident for incident in found if incident.stack == stack)


def tell_loss(root: Path, identifier: str, loss: DatabaseLoss) -> None:
    """Add what a database cost, or replace what was told of it. Raises OSError, `UsageError`, `Corrupt`.

    Of the report only that one section is written anew: a person may have filled in others.
    """
    incident = read(root, identifier)
    others = tuple(known for known in incident.lost if known.database != loss.database)
    incident = replace(incident, lost=(*others, loss))
    report = root / identifier / REPORT
    head, heading, rest = report.read_text().partition(f"{SECTION}\n")
    if heading:
        _, following, tail = rest.partition("\n## ")
        section = "\n".join(["", *_displaced(incident), ""])
        _write(report, f"{head}{heading}{section}{following}{tail}")
    _write(root / identifier / DOCUMENT, json.dumps(asdict(incident), default=str, indent=2) + "\n")


def _write(path: Path, text: str) -> None:
    """Whole or not at all: what a person wrote into the report must outlive a crash."""
    partial = path.with_name(f".{path.name}.partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def render(incident: Incident) -> str:
    """The report as Markdown."""
    return "\n".join(
        [
            f"# Incident {incident.id}: {incident.stack}",
            "",
            f"- Outcome: **{incident.outcome}**" + (f" ({incident.detail})" if incident.detail else ""),
            f"- Wanted by: {incident.actor}",
            f"- Began: {incident.started_at.isoformat(timespec='seconds')}",
            f"- Ended: {_ended(incident)}",
            f"- Went back to: release {incident.target}, backup {incident.backup or 'none (database kept)'}",
            "- Beside this report: the last logs of the containers (`logs/`), replaced files (`displaced/`)",
            "",
            "## What failed",
            "",
            *(f"- {reason}" for reason in incident.reasons),
            "",
            "## Timeline (UTC)",
            "",
            *_timeline(incident),
            "",
            SECTION,
            "",
            *_displaced(incident),
            "",
            "## To be filled in",
            "",
            "- Root cause:",
            "- Prevention:",
            "",
        ]
    )


def _ended(incident: Incident) -> str:
    return incident.ended_at.isoformat(timespec="seconds") if incident.ended_at else "still open"


def _timeline(incident: Incident) -> list[str]:
    rows = ["| time | what | seconds | detail |", "|---|---|---|---|"]
    for moment in incident.timeline:
        seconds = "" if moment.seconds is None else f"{moment.seconds:.2f}"
        cells = (f"{moment.at:%H:%M:%S.%f}", moment.what.replace("_", " "), seconds, _cell(moment.detail))
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _cell(text: str) -> str:
    """Text that stays within its cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def _displaced(incident: Incident) -> list[str]:
    if not incident.displaced:
        return ["No database was displaced."]
    lines = [
        f"- The state of `{live}` from before the rollback stays as database `{name}`, read-only."
        for live, name in incident.displaced
    ]
    for loss in incident.lost:
        lines += ["", *_lost(incident, loss)]
    return lines


def _lost(incident: Incident, loss: DatabaseLoss) -> list[str]:
    """The account of one database; the rows themselves are for `incidents salvage`."""
    if loss.note:
        return [f"What `{loss.displaced}` holds beyond `{loss.database}` is not known: {loss.note}"]
    if not loss.tables:
        return [f"`{loss.displaced}` holds no row that `{loss.database}` was not given back."]
    rows = [f"Since the backup, and only in `{loss.displaced}`: {total(loss)}.", ""]
    rows += ["| table | rows | remark |", "|---|---|---|"]
    rows += [f"| {_cell(table.table)} | {figures(table)} | {_cell(table.note)} |" for table in loss.tables]
    words = f"{incident.id} --stack {incident.stack}"
    return [*rows, "", f"To get at them: `ops-watchdog incidents salvage {words}`"]
