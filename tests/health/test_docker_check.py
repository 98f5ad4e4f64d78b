"""A check that asks for a HEALTHCHECK says nothing that containers did not show: no fault counts twice."""

from __future__ import annotations

from datetime import timedelta

from tests.health.samples import after, answered, bad, check, container, observed, ok
from watchdog.health.check import EngineHealth
from watchdog.health.evidence import signals
from watchdog.health.judged import decides
from watchdog.health.signal import Kind
from watchdog.health.window import View
from watchdog.stack import Health

DOCKER = check("docker backend", probe=EngineHealth("backend"), service="backend", start_period=timedelta())
OTHER = check("docker db", probe=EngineHealth("db"), service="db")


def test_what_was_unhealthy_before_is_no_regression_of_a_check_that_learns_of_it_later() -> None:
    late = answered(DOCKER, *ok(-20), *bad(10, 40, 70))
    view = View((container(health=Health.UNHEALTHY),), (late,))

    def fatal(*before: str) -> list[Kind]:
        window = observed(baseline_unhealthy=frozenset(before))
        return [signal.kind for signal in signals(window, view, after(71)) if signal.fatal]

    assert fatal() == [Kind.UNHEALTHY, Kind.CHECK]
    assert fatal("backend") == []


def test_it_decides_about_every_other_service_and_after_a_recovery() -> None:
    window = observed(baseline_unhealthy=frozenset({"backend"}))
    assert not decides(window, answered(DOCKER))
    assert decides(window, answered(OTHER))
    assert decides(observed(), answered(DOCKER))
