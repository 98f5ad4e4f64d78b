"""How late a check's requests were, judged from their arrivals alone. Pure.

A check asks in a fixed rhythm, so its punctual arrivals lie on a grid; where that lies is told by the
earliest of them. What the request itself took counts as lateness too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def worst(arrivals: Mapping[str, Sequence[float]], interval: float, since: float) -> float:
    """Seconds: the latest of all requests after `since`, each against its own check's grid."""
    late = (max(lateness(after(times, since), interval), default=0.0) for times in arrivals.values())
    return max(late, default=0.0)


def lateness(times: Sequence[float], interval: float) -> list[float]:
    """Of each arrival: how long after its place on the grid. A gap counts as one request that came late."""
    offsets = [at - number * interval for number, at in enumerate(times)]
    return [offset - min(offsets) for offset in offsets]


def after(times: Iterable[float], since: float) -> list[float]:
    return [at for at in times if at >= since]
