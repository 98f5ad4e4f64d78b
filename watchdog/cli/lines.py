"""Progress as lines: one sentence an event, with the time of day, on a terminal and in a pipe alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import click

Event = Mapping[str, Any]

CARED_FOR = {
    "open": "open for reading",
    "account": "what it holds beyond the live one is told",
    "dump": "dumped",
    "prove": "its dump is proved",
    "drop": "dropped",
    "forget": "its dump is removed",
}

SENTENCES: dict[str, Callable[[Event], str]] = {
    "backup_progress": lambda e: f"backup: {e['text']}",
    "backup_written": lambda e: f"backup {e['backup']} is complete",
    "check_changed": lambda e: f"check {e['check']} is {e['state']}{_after(e['detail'])}",
    "command_ended": lambda e: f"the command ended with exit code {e['exit_code']}",
    "deployment_started": lambda e: f"deployment {e['deployment']}: {' '.join(e['command'])}",
    "deployment_observed": lambda e: f"deployment {e['deployment']} observed: {', '.join(e['services'])}",
    "deployment_healthy": lambda e: f"deployment {e['deployment']} is healthy",
    "deployment_good": lambda e: f"deployment {e['deployment']} stayed healthy through its window",
    "deployment_failed": lambda e: "DETECTED: " + "; ".join(e["reasons"]),
    "failed_release_is_back": lambda e: f"WARNING: it failed before: {e['reason']}",
    "not_rolled_back": lambda e: " ".join([f"not rolled back: {e['reason']}.", *e.get("lines", ())]),
    "maintenance_page_put": lambda e: f"the maintenance page is in place: {e['path']}",
    "maintenance_page_removed": lambda e: f"the maintenance page is gone: {e['path']}",
    "maintenance_page_left": lambda e: f"no maintenance page at {e['path']}: {e['reason']}",
    "not_protected": lambda e: f"WARNING: automatic rollback is not possible: {e['reason']}",
    "release_captured": lambda e: f"release {e['release']} captured",
    "release_good": lambda e: f"release {e['release']} is the last known good one: {e['reason']}",
    "release_not_captured": lambda e: f"what runs is not captured: {e['reason']}",
    "rollback_proposed": lambda e: (
        f"a rollback to release {e['release']} waits for approval: ops-watchdog approve --stack {e['stack']}"
    ),
    "rollback_decided": lambda e: f"rolling back to release {e['release']}",
    "rollback_resumed": lambda e: f"going on with rollback {e['operation']}",
    "rollback_ended": lambda e: f"rollback {e['outcome'].upper()}{_after(e['detail'])}",
    "standby_failed": lambda e: f"WARNING: no standby copy of backup {e['backup']}: {e['reason']}",
    "standby_not_made": lambda e: f"no standby copy: {e['reason']}",
    "standby_ready": lambda e: f"the standby copy of backup {e['backup']} is ready ({e['seconds']:.0f} s)",
    "displaced_cared_for": lambda e: f"displaced database {e['database']}: {CARED_FOR[e['stage']]}",
    "step_started": lambda e: f"  {_words(e['step'])} …",
    "step_finished": lambda e: f"  {_words(e['step'])} {e['seconds']:.2f} s{_after(e['error'])}",
    "verify_progress": lambda e: f"verify: {e['text']}",
    "waiting_until_green": lambda e: f"waiting until what runs has been green for {e['seconds']:.0f} s",
}


class Printer:
    """Prints events to stderr, so that stdout holds results only; `quiet` prints none."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet

    def progress(self, event: Event) -> None:
        if not self._quiet and (text := sentence(event)):
            click.echo(text, err=True)


def sentence(event: Event) -> str:
    """The line for an event; empty for one that says nothing to a person."""
    words = SENTENCES.get(str(event.get("event")))
    if words is None:
        return ""
    moment = datetime.fromisoformat(event["at"]).astimezone()
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}  {words(event)}"


def _after(text: str) -> str:
    return f": {text}" if text else ""


def _words(step: str) -> str:
    """A step as the plan's printout calls it."""
    return step.replace("_", " ")
