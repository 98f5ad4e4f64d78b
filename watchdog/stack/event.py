"""A hint from the engine's event stream. Never acted upon: it only says that a look is worth while."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

CONNECTED = "connected"
LOST = "lost"
MISSED = "missed"
TELLING = frozenset({1, 10, 12, 28})


@dataclass(frozen=True, slots=True)
class Event:
    """`action` is the engine's word (die, kill, start, create, destroy, oom, `health_status: unhealthy`, …),
    or with empty other fields CONNECTED, LOST, or MISSED: something was not heard, so look at everything.
    `at_ns`: nanoseconds since the epoch, by the engine's clock. `signal` comes with a kill.
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


def condensed(events: Iterable[Event]) -> list[Event]:
    """What must be known of more events than anybody can follow, in their order, and MISSED at the end.

    The newest of each sort for each container: inspection shows the rest, but not who was told to stop.
    """
    newest: dict[tuple[str, str, bool], Event] = {}
    for event in events:
        key = (event.container, event.action, event.asks_to_stop)
        newest.pop(key, None)  # put at the end again: a start that came after a kill stays after it
        newest[key] = event
    newest.pop(("", MISSED, False), None)
    return [*newest.values(), Event(MISSED)]
