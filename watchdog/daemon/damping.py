"""A warning that comes again and again is worth a line now and then."""

from __future__ import annotations

from datetime import timedelta

from watchdog.clock import Clock

AGAIN = timedelta(minutes=5)
"""How long the same reason stays unsaid; another one is said at once."""


class Damper:
    """Of one source of warnings."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said = ""
        self._said_at = 0.0

    def is_news(self, reason: str) -> bool:
        """Whether to say it now; what was said is remembered."""
        now = self._clock.monotonic()
        if reason == self._said and now - self._said_at < AGAIN.total_seconds():
            return False
        self._said, self._said_at = reason, now
        return True
