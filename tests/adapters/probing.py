"""What the probes' tests put in, and how they read a sample."""

from __future__ import annotations

from datetime import timedelta

from watchdog.health.check import Answer, Check, Probe, Sample
from watchdog.stack import Database


class Rows:
    """A database that answers every query with the same row, or error."""

    def __init__(self) -> None:
        self.row: tuple[object, ...] | None = (1,)
        self.error: Exception | None = None

    async def __call__(self, database: Database, query: str, timeout: timedelta) -> tuple[object, ...] | None:
        if self.error is not None:
            raise self.error
        return self.row


def check(probe: Probe, timeout: float = 5) -> Check:
    return Check("it", probe, timeout=timedelta(seconds=timeout))


def found(sample: Sample) -> tuple[Answer, str]:
    assert sample.check == "it"
    return sample.answer, sample.detail
