"""An incident as values, and as the page that a person reads. Written by `rollback.operate`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

REPORT = "incident.md"
DOCUMENT = "incident.json"


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

    `displaced` maps each database to the name under which its former state stays.
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


def write(incident: Incident, directory: Path) -> None:
    """Both forms into `directory` (made if need be), readable by the owner only. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    document = json.dumps(asdict(incident), default=str, indent=2)
    for name, text in ((REPORT, render(incident)), (DOCUMENT, document + "\n")):
        handle = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(text)


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
            "",
            "## What failed",
            "",
            *(f"- {reason}" for reason in incident.reasons),
            "",
            "## Timeline (UTC)",
            "",
            *_timeline(incident),
            "",
            "## What was displaced",
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
        rows.append(f"| {moment.at:%H:%M:%S.%f} | {moment.what} | {seconds} | {_cell(moment.detail)} |")
    return rows


def _cell(text: str) -> str:
    """Text that stays within its cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def _displaced(incident: Incident) -> list[str]:
    if not incident.displaced:
        return ["No database was displaced."]
    return [
        f"- The state of `{live}` from before the rollback stays as database `{name}`, read-only."
        for live, name in incident.displaced
    ]
