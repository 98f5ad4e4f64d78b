"""A suspension: for a limited time nothing is rolled back unattended, because a person said so.

Recording goes on; only action waits. Persisted, so that it ends when it was said to, daemon or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
        return self.ended_at is None and self.since <= now < self.until


def holding(suspensions: Iterable[Suspension], now: datetime) -> tuple[Suspension, ...]:
    """Those that hold now."""
    return tuple(suspension for suspension in suspensions if suspension.holds(now))
