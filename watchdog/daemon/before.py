"""What a deployment is opened with: a name, and what was not in order before it began (`health.baseline`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypedDict

from watchdog.clock import timestamp
from watchdog.daemon.desk import Desk
from watchdog.deploy.deployment import Deployment
from watchdog.health.baseline import disturbed, inherited, restarting, unhealthy, unproven
from watchdog.stack import Container


class Baselines(TypedDict):
    """Fields of a `Deployment`."""

    baseline_red: frozenset[str]
    baseline_unproven: frozenset[str]
    baseline_unhealthy: frozenset[str]
    baseline_restarting: frozenset[str]


def baselines(
    desk: Desk, before: Sequence[Container], superseded: Deployment | None, now: datetime
) -> Baselines:
    """`before`: the containers as they were. What a superseded deployment broke is no excuse for the next."""
    watch, settings = desk.watch, desk.tools.settings
    services = {service for service, _, _ in watch.known}
    red = watch.baseline_red(settings.checks)
    unsure = unproven(watch.checks.values(), disturbed(services, before, watch.stopped))
    looping = restarting(before, now, settings.deployment.monitor)
    bad = unhealthy(before) | looping
    if superseded is not None:
        red = inherited(superseded.baseline_red, red)
        unsure = inherited(superseded.baseline_unproven, unsure)
        bad = inherited(superseded.baseline_unhealthy, bad)
        looping = inherited(superseded.baseline_restarting, looping)
    return Baselines(
        baseline_red=red,
        baseline_unproven=unsure,
        baseline_unhealthy=bad,
        baseline_restarting=looping,
    )


async def free_name(desk: Desk, now: datetime) -> str:
    """Of this second, or of the next one that no deployment is named after: each is a row of its own."""
    while await desk.tools.ledger.deployment(name := f"{timestamp(now)}-{desk.name}") is not None:
        now += timedelta(seconds=1)
    return name
