"""A hint from the engine's event stream. Never acted upon: it only says that a look is worth while."""

from __future__ import annotations

from dataclasses import dataclass

CONNECTED = "connected"
LOST = "lost"


@dataclass(frozen=True, slots=True)
class Event:
    """`action` is the engine's word (die, kill, start, create, destroy, oom, `health_status: unhealthy`, …),
    or CONNECTED / LOST with empty other fields. `at_ns`: nanoseconds since the epoch, by the engine's clock.
    """

    action: str
    at_ns: int = 0
    project: str = ""
    service: str = ""
    container: str = ""
    exit_code: int | None = None
