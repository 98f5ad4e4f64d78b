"""Follows the daemon's log while it is being written, and tells each event as a line of the story."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

POLL_SECONDS = 0.02
LONGEST_DETAIL = 100
# Logged by whoever writes the end down and by the guard, who then says so to all that listen.
TWICE = frozenset({"rollback_ended"})


class StoryFailed(Exception):
    """The demo cannot go on; the message says why and where to look."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the daemon's log. `at` in seconds since the epoch."""

    at: float
    kind: str
    facts: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.facts.get(key, "")


class Timeline:
    """`alive` raises `StoryFailed` where there is nothing to wait for any more.

    `begin`: the moment from which the told seconds count. `untold`: kinds of events that are not printed.
    `listeners` hear each event once, as it is read.
    """

    def __init__(self, log: Path, alive: Callable[[], None], console: Console) -> None:
        self._log = log
        self._alive = alive
        self._console = console
        self._offset = 0
        self.begin = time.time()
        self.untold: Container[str] = ()
        self.events: list[Event] = []
        self.listeners: list[Callable[[Event], None]] = []

    def until(self, kinds: Container[str], seconds: float, what: str) -> Event:
        """The first event since `begin` of one of these kinds; `what` names it for who waits in vain."""

        def come() -> bool:
            return any(event.at >= self.begin and event.kind in kinds for event in self.events)

        self.wait(come, seconds, what)
        return next(event for event in self.events if event.at >= self.begin and event.kind in kinds)

    def wait(self, over: Callable[[], bool], seconds: float, what: str) -> None:
        """Go on telling until it is `over`. Raises `StoryFailed` when the daemon ends or time is up."""
        deadline = time.monotonic() + seconds
        self._read()
        while not over():
            self._alive()
            if time.monotonic() > deadline:
                raise StoryFailed(f"waited {seconds:.0f} s in vain for {what}; see {self._log}")
            time.sleep(POLL_SECONDS)
            self._read()

    def first(self, kind: str, **facts: Any) -> Event | None:
        """The first event of this kind since `begin`, with these facts."""
        found = (e for e in self.events if e.at >= self.begin and e.kind == kind)
        return next((e for e in found if all(e[name] == value for name, value in facts.items())), None)

    def _read(self) -> None:
        with self._log.open("rb") as log:
            log.seek(self._offset)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            if event := parsed(line):
                self._take(event)

    def _take(self, event: Event) -> None:
        if event.kind in TWICE and any(_same(event, other) for other in self.events):
            return
        self.events.append(event)
        for listener in self.listeners:
            listener(event)
        if event.kind not in self.untold and (line := line_of(event, self.begin)):
            self._console.print(line)


def _same(event: Event, other: Event) -> bool:
    return event.kind == other.kind and event["operation"] == other["operation"]


def parsed(line: bytes) -> Event | None:
    """None for a line that is no event of ours (a library's warning)."""
    try:
        facts = json.loads(line)
        at = datetime.fromisoformat(facts["timestamp"])
    except (ValueError, TypeError, KeyError):
        return None
    return Event(at.timestamp(), str(facts.get("event")), facts)


WORDS: dict[str, Callable[[Event], str]] = {
    "backup_written": lambda _: "backup complete",
    "deployment_started": lambda _: "the command runs",
    "command_ended": lambda e: f"the command ended with exit code {e['exit_code']}",
    "check_changed": lambda e: f"check {e['check']} is {e['state']}" + _after(e["detail"]),
    "deployment_healthy": lambda _: "the deployment is healthy",
    "deployment_good": lambda _: "it stayed healthy through its window",
    "deployment_failed": lambda e: "DETECTED: " + "; ".join(e["reasons"]),
    "rollback_decided": lambda e: f"DECIDED: back to release {e['release']}",
    "not_rolled_back": lambda e: f"NOT ROLLED BACK: {e['reason']}",
    "release_good": lambda e: f"release {e['release']} is the last known good one",
    "release_not_captured": lambda e: f"not captured: {e['reason']}",
    "step_finished": lambda e: f"  {e['step']:<18}{e['seconds']:6.2f} s" + _after(e["error"]),
    "guard_message_failed": lambda e: f"the guard reports: {e['reason']}",
    "guard_failed": lambda _: "the guard met an error of its own",
    "rollback_ended": lambda e: _ended(e["outcome"]) + _after(e["detail"]),
    "rollback_not_run": lambda e: f"the rollback did not run: {e['reason']}",
}
LOUD = {
    "deployment_failed": "bold red",
    "rollback_decided": "bold yellow",
    "not_rolled_back": "bold red",
    "release_good": "green",
    "rollback_ended": "bold",
    "guard_failed": "bold red",
}


def line_of(event: Event, begin: float) -> str:
    """With rich's markup; empty for an event that tells nothing to a spectator."""
    words = WORDS.get(event.kind)
    if words is None:
        return ""
    style = LOUD.get(event.kind, "")
    text = escape(words(event))
    return f"  {event.at - begin:+8.2f} s  " + (f"[{style}]{text}[/]" if style else text)


def _ended(outcome: str) -> str:
    return (
        "VERIFIED: the rollback succeeded"
        if outcome == "succeeded"
        else f"THE ROLLBACK WAS {outcome.upper()}"
    )


def _after(text: str) -> str:
    """On one line: libpq explains itself on three."""
    words = " ".join(text.split())
    cut = words if len(words) <= LONGEST_DETAIL else f"{words[:LONGEST_DETAIL]}…"
    return f": {cut}" if cut else ""
