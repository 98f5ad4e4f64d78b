"""An alarm: something is wrong until it is right again. Told when raised, reminded of, and told when over.

A row per subject, so that a restarted daemon neither repeats nor forgets it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is wrong with one subject (`check health`, `service backend`, `rollback 20260821_…`).

    Attributes:
        raised_at: When it began; `told_at` when people last heard of it, None where they have not yet.
        reminders: How often they were reminded; the pauses grow.
        cleared_at: When it was over; None while it lasts.
    """

    stack: str
    subject: str
    detail: str
    raised_at: datetime
    told_at: datetime | None = None
    reminders: int = 0
    cleared_at: datetime | None = None

    @property
    def lasts(self) -> bool:
        return self.cleared_at is None
