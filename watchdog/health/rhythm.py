"""The rhythm of a check that asks for a service's own HEALTHCHECK, and what a window is too short to see.

Pure; asked whenever the containers are known anew, since an image brings its HEALTHCHECK along.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from watchdog.health.check import Check, EngineHealth
from watchdog.stack import Container, Healthcheck


def in_rhythm(checks: Iterable[Check], containers: Sequence[Container]) -> tuple[Check, ...]:
    """The checks, each `docker` check with the HEALTHCHECK's values for what the operator left open."""
    return tuple(_in_rhythm(check, containers) for check in checks)


def blind_spots(
    checks: Iterable[Check], containers: Sequence[Container], monitor: timedelta
) -> tuple[str, ...]:
    """What can fail only after the window is over, one sentence each.

    Checks that follow a HEALTHCHECK are not named: their service is.
    """
    slow = [(f"check {c.name}", c.time_to_fail) for c in checks if not c.follows]
    services = sorted({c.service for c in containers if not c.one_off})
    slow += [
        (f"the HEALTHCHECK of {service}", slowest.time_to_fail)
        for service in services
        if (slowest := _healthcheck(service, containers)) is not None
    ]
    window = f"{monitor.total_seconds():g} s"
    return tuple(
        f"{name} takes {needed.total_seconds():g} s to fail, and the window ends after {window}: lengthen"
        " deployment.monitor"
        for name, needed in slow
        if needed > monitor
    )


def _in_rhythm(check: Check, containers: Sequence[Container]) -> Check:
    if not isinstance(check.probe, EngineHealth) or not check.follows:
        return check
    declared = _healthcheck(check.probe.service, containers)
    if declared is None:
        return check
    values = {
        "interval": declared.interval,
        "start_period": declared.start_period,
        "failure_threshold": declared.retries,
    }
    return replace(check, **{name: value for name, value in values.items() if name in check.follows})  # type: ignore[arg-type]


def _healthcheck(service: str, containers: Sequence[Container]) -> Healthcheck | None:
    """The slowest of its containers': while one is replaced by another there are two."""
    declared = [c.healthcheck for c in containers if c.service == service and c.healthcheck and not c.one_off]
    return max(declared, key=lambda healthcheck: healthcheck.time_to_fail, default=None)
