"""What can be told of containers that ended while the engine was away; pure, asked once it is back.

A dockerd that stops takes its containers along (unless it has live-restore), with whatever exit codes they
have for that, and one that was killed does so when it starts again. That is no end of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from watchdog.stack.container import Container


def ended_by_absence(containers: Iterable[Container], since: datetime) -> frozenset[str]:
    """IDs of those that ended after `since`, where the engine took all along; by the engine's own clock.

    One that has lived through it proves that the engine takes none along: then each end is its own.
    """
    found = tuple(containers)
    if any(_lived_through(container, since) for container in found):
        return frozenset()
    return frozenset(c.id for c in found if c.ended and c.finished_at is not None and c.finished_at >= since)


def _lived_through(container: Container, since: datetime) -> bool:
    return container.running and container.started_at is not None and container.started_at < since
