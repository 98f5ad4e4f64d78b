"""What was not in order before a deployment began: it proves nothing about it (design rule 8).

Pure; asked once, when a deployment is opened, and kept with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from watchdog.health.check import Severity
from watchdog.health.streak import CheckState, Color
from watchdog.stack import Container, Health


def unproven(states: Iterable[CheckState], disturbed: frozenset[str]) -> frozenset[str]:
    """Required checks that are neither red nor green: not answered yet, or failing but not often enough.

    `disturbed`: services that somebody is stopping or has stopped. A check that begins to fail by that was
    green before; one that names no service asks all of them.
    """
    return frozenset(
        state.check.name
        for state in states
        if state.check.severity is Severity.REQUIRED
        and state.color is not Color.RED
        and not state.passing
        and not (state.color is Color.GREEN and _asks(state, disturbed))
    )


def _asks(state: CheckState, services: frozenset[str]) -> bool:
    return bool(services) if state.check.service is None else state.check.service in services


def unhealthy(containers: Iterable[Container]) -> frozenset[str]:
    """Services that their own HEALTHCHECK calls bad."""
    return frozenset(c.service for c in containers if not c.one_off and c.health is Health.UNHEALTHY)


def restarting(containers: Iterable[Container], now: datetime, recently: timedelta) -> frozenset[str]:
    """Services that restart by themselves, and did so `recently`."""
    return frozenset(c.service for c in containers if not c.one_off and _restarting(c, now - recently))


def _restarting(container: Container, since: datetime) -> bool:
    if container.state == "restarting":
        return True
    started = container.started_at
    return container.restart_count > 0 and started is not None and started > since


def disturbed(
    services: Iterable[str], containers: Iterable[Container], killed: Iterable[str]
) -> frozenset[str]:
    """Those of these services of which nothing runs that was not told to stop."""
    told = frozenset(killed)
    undisturbed = {c.service for c in containers if c.running and not c.one_off and c.id not in told}
    return frozenset(services) - undisturbed


def inherited(before: frozenset[str], found: frozenset[str]) -> frozenset[str]:
    """Of a deployment that supersedes another: what the first one broke is no excuse for the second.

    What the first one mended is none any more either.
    """
    return before & found
