"""Whether a service that its own health check calls unhealthy is restarted: seldom, not for ever. Pure.

Only where its operator asked for it (`on_unhealthy: restart`), and never beside anything else of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

WITHIN = timedelta(hours=1)
PAUSES = (timedelta(0), timedelta(minutes=5), timedelta(minutes=15))
"""Before the first, second and third restart in an hour: what these do not cure, a fourth does not."""


@dataclass(frozen=True, slots=True)
class OnUnhealthy:
    """Which services may be restarted: the named ones, or `every` one but those `spared`."""

    services: frozenset[str] = frozenset()
    every: bool = False
    spared: frozenset[str] = frozenset()

    def restarts(self, service: str) -> bool:
        return service in self.services or (self.every and service not in self.spared)


class Remedy(StrEnum):
    """What an unhealthy service gets. GIVE_UP: it had its restarts, a person has to look."""

    RESTART = "restart"
    GIVE_UP = "give up"


def remedy(restarts: Iterable[datetime], now: datetime) -> Remedy | None:
    """For a service that is unhealthy now; `restarts`: when we restarted it earlier. None: not yet."""
    recent = sorted(at for at in restarts if now - at < WITHIN)
    if len(recent) >= len(PAUSES):
        return Remedy.GIVE_UP
    if recent and now - recent[-1] < PAUSES[len(recent)]:
        return None
    return Remedy.RESTART
