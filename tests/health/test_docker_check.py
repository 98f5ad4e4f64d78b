"""A check that asks for a HEALTHCHECK says nothing that containers did not show: no fault counts twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.health.samples import after, answered, bad, check, container, exited, observed, ok, view
from watchdog.health.check import Command, EngineHealth, Probe
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


@pytest.mark.parametrize("probe", [EngineHealth("backend"), Command("backend", ("true",))])
def test_one_of_several_that_somebody_stopped_makes_it_red_and_is_not_held_against_the_release(
    probe: Probe,
) -> None:
    """It asks every container: the others answer as ever, and are what the release is judged by."""
    asks_each = answered(check("docker backend", probe=probe, service="backend"), *ok(5), *bad(40, 45, 50))
    stopped = exited(0, id="second", finished_at=after(36))
    seen = view(container(), stopped, checks=(asks_each,), killed=frozenset({"second"}))
    assert not [signal for signal in signals(observed(), seen, after(51)) if signal.fatal]
    crashed = replace(seen, killed=frozenset(), containers=(container(), replace(stopped, exit_code=3)))
    assert [s.kind for s in signals(observed(), crashed, after(51)) if s.fatal] == [Kind.CHECK]
