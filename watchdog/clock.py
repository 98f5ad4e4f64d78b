"""Time, injected: whoever decides by time takes a `Clock`, so that tests turn it by hand.

Instants that outlive the process are `datetime` in UTC; deadlines inside one process come from
`monotonic()` (seconds), because the wall clock may jump.
"""

from __future__ import annotations

import asyncio
import functools
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from watchdog.errors import StepFailed

TIMESTAMP_FORMAT = "%Y%m%d_%H%M%S"
"""The timestamp in file names and identifiers, in UTC: the user's own scripts sort and type it."""


BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Linux's own: another one after each boot."""


@dataclass(frozen=True, slots=True)
class Uptime:
    """How long the host has run since a boot; `boot` names that boot, and is empty where nobody can tell."""

    boot: str
    seconds: float

    def since(self, earlier: Uptime | None) -> timedelta | None:
        """How much time has passed, whatever the wall clock did meanwhile; None across a reboot."""
        if earlier is None or not self.boot or earlier.boot != self.boot:
            return None
        return timedelta(seconds=self.seconds - earlier.seconds)


class Clock(Protocol):
    """What may be asked about time."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary point, never jumping."""
        ...

    def uptime(self) -> Uptime:
        """To be kept beside an instant that the wall clock must not make older or younger than it is."""
        ...

    async def sleep(self, duration: timedelta) -> None:
        """Give the loop away for `duration`."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def uptime(self) -> Uptime:
        return Uptime(_boot(), time.clock_gettime(time.CLOCK_BOOTTIME))

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(duration.total_seconds())


@functools.cache
def _boot() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


def timestamp(moment: datetime) -> str:
    """`YYYYMMDD_HHMMSS` of an aware instant, in UTC."""
    return moment.astimezone(UTC).strftime(TIMESTAMP_FORMAT)


def parse_timestamp(text: str) -> datetime:
    """The instant a timestamp names, aware, in UTC. Raises ValueError on any other shape."""
    return datetime.strptime(text, TIMESTAMP_FORMAT).replace(tzinfo=UTC)


def age(duration: timedelta) -> str:
    """Rounded as people say it: `40 s`, `12 min`, `5 h`, `3 d`."""
    seconds = duration.total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


class Deadline:
    """A point on the monotonic clock by which something must have happened."""

    def __init__(self, clock: Clock, duration: timedelta) -> None:
        self._clock = clock
        self._duration = duration
        self._end = clock.monotonic() + duration.total_seconds()

    @property
    def left(self) -> timedelta:
        """What remains, never below zero."""
        return timedelta(seconds=max(0.0, self._end - self._clock.monotonic()))

    @property
    def over(self) -> bool:
        return self._clock.monotonic() >= self._end

    def check(self, what: str) -> None:
        """Raise `StepFailed` naming `what` once the deadline has passed."""
        if self.over:
            raise StepFailed(f"{what} did not happen within {self._duration.total_seconds():g} s")
