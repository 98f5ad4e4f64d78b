"""A hint from the engine's event stream. Never acted upon: it only says that a look is worth while."""

from __future__ import annotations

from dataclasses import dataclass

CONNECTED = "connected"
LOST = "lost"
TELLING = frozenset({1, 10, 12, 28})


@dataclass(frozen=True, slots=True)
class Event:
    """`action` is the engine's word (die, kill, start, create, destroy, oom, `health_status: unhealthy`, …),
    or CONNECTED / LOST with empty other fields. `at_ns`: nanoseconds since the epoch, by the engine's clock.
    `signal` comes with a kill.
    """

    action: str
    at_ns: int = 0
    project: str = ""
    service: str = ""
    container: str = ""
    exit_code: int | None = None
    signal: int | None = None

    @property
    def asks_to_stop(self) -> bool:
        """A `kill` with a signal that ends a process; HUP, USR1, USR2 and WINCH only tell it something."""
        return self.action == "kill" and self.signal not in TELLING
