"""A suspension: for a limited time nothing is rolled back unattended, because a person said so.

Recording goes on; only action waits. Persisted, so that it ends when it was said to, daemon or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LONGEST = timedelta(days=7)
"""Whoever needs more wants another `rollback.mode`: a forgotten pause must not outlive its reason."""


class Suspends(StrEnum):
    """PAUSE: no automatic rollback. MAINTENANCE: neither that nor alerts of checks, and the page is shown."""

    PAUSE = "pause"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class Suspension:
    """The newest of a stack and kind counts. `ended_at`: a person ended it before `until`."""

    stack: str
    kind: Suspends
    since: datetime
    until: datetime
    actor: str
    reason: str = ""
    ended_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Also before `since`: it began when it was asked for, so the clock has been set back."""
        return self.ended_at is None and now < self.until

    def over(self, now: datetime) -> bool:
        """Its time has passed, and nobody has been told yet."""
        return self.ended_at is None and now >= self.until

    def __str__(self) -> str:
        words = "paused" if self.kind is Suspends.PAUSE else "in maintenance"
        why = f": {self.reason}" if self.reason else ""
        return f"{words} until {self.until:%Y-%m-%d %H:%M} UTC by {self.actor}{why}"


def holding(suspensions: Iterable[Suspension], now: datetime) -> tuple[Suspension, ...]:
    """Those that hold now."""
    return tuple(suspension for suspension in suspensions if suspension.holds(now))
