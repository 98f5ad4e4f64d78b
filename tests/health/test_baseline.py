"""What was not in order before a deployment proves nothing about it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.health.samples import after, answered, bad, check, container, exited, observed, ok, view, watched
from watchdog.health.baseline import disturbed, inherited, restarting, unhealthy, unproven
from watchdog.health.check import Severity
from watchdog.health.streak import CheckState
from watchdog.health.verdict import Outcome
from watchdog.stack import Container, Health

API = check("api", service="backend")
NOBODY: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("state", "by_a_person", "expected"),
    [
        (answered(API), False, True),
        (answered(API, *bad(1, 2)), False, True),
        (answered(API, *ok(1), *bad(2, 3)), False, True),
        (answered(API, *ok(1), *bad(2, 3)), True, False),
        (answered(API), True, True),
        (answered(API, *ok(1)), False, False),
        (answered(API, *bad(1, 2, 3)), False, False),
        (answered(check(severity=Severity.WANTED)), False, False),
    ],
    ids=["never asked", "bad so far", "failing", "being stopped", "unasked", "green", "red", "wanted"],
)
def test_unproven_is_what_is_neither_red_nor_green(
    state: CheckState, by_a_person: bool, expected: bool
) -> None:
    taken_down = frozenset({"backend"}) if by_a_person else NOBODY
    assert bool(unproven([state], taken_down)) is expected


def test_a_check_that_names_no_service_asks_all_of_them() -> None:
    failing = answered(check("site"), *ok(1), *bad(2))
    assert unproven([failing], frozenset({"worker"})) == frozenset()
    assert unproven([failing], NOBODY) == {"site"}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (container(health=Health.UNHEALTHY), True),
        (container(state="restarting"), True),
        (container(restart_count=7, started_at=after(-20)), True),
        (container(restart_count=7, started_at=after(-7200)), False),
        (container(started_at=after(-20)), False),
        (container(health=Health.UNHEALTHY, one_off=True), False),
    ],
)
def test_broken_is_what_is_unhealthy_or_restarts_by_itself(one: Container, expected: bool) -> None:
    looping = restarting([one], after(0), timedelta(minutes=10))
    assert bool(unhealthy([one]) | looping) is expected


def test_disturbed_is_what_somebody_stops_has_stopped_or_removed() -> None:
    containers = (container(), container("web"), exited(0, "worker"))
    services = ("backend", "web", "worker", "gone")
    assert disturbed(services, containers, {"new-web"}) == {"web", "worker", "gone"}


def test_what_the_first_broke_or_mended_is_no_excuse_for_the_second() -> None:
    assert inherited(frozenset({"was bad", "mended"}), frozenset({"was bad", "broke"})) == {"was bad"}


def test_a_check_that_was_on_its_way_to_red_decides_once_it_was_green_again() -> None:
    window = observed(baseline_unproven=frozenset({"api"}))
    never = view(container(), checks=(answered(API, *bad(60, 65, 70)),))
    again = view(container(), checks=(answered(API, *ok(40), *bad(60, 65, 70)),))
    assert [v.outcome for v in watched(window, (5, never), (71, never), (900, never))] == [
        Outcome.WAITING,
        Outcome.WAITING,
        Outcome.INCONCLUSIVE,
    ]
    assert watched(window, (71, again))[-1].outcome is Outcome.FAILED


def test_a_service_that_was_unhealthy_before_decides_once_the_deployment_made_it_healthy() -> None:
    window = observed(baseline_unhealthy=frozenset({"backend"}), baseline={"old-backend": 0})
    well, ill = view(container(health=Health.HEALTHY)), view(container(health=Health.UNHEALTHY))
    old_well = view(container(id="old-backend", health=Health.HEALTHY))
    assert watched(window, (5, well), (50, ill))[-1].outcome is Outcome.FAILED
    assert watched(window, (5, ill), (50, ill))[-1].outcome is not Outcome.FAILED
    assert watched(window, (5, old_well), (50, ill))[-1].outcome is not Outcome.FAILED


LOOPING = frozenset({"backend"})


def test_a_service_that_was_merely_unhealthy_before_is_not_excused_for_crashing() -> None:
    window = observed(baseline_unhealthy=frozenset({"backend"}))
    looping = view(container(state="restarting", restart_policy="always", restart_count=9, exit_code=1))
    gone = view(exited(1))
    assert watched(window, (5, looping))[-1].outcome is Outcome.FAILED
    assert watched(window, (5, gone))[-1].outcome is Outcome.FAILED


def test_a_service_that_crashed_all_along_fails_nothing() -> None:
    window = observed(baseline_unhealthy=LOOPING, baseline_restarting=LOOPING)
    looping = view(container(state="restarting", restart_policy="always", restart_count=9, exit_code=1))
    assert [v.outcome for v in watched(window, (5, looping), (900, looping))] == [
        Outcome.WAITING,
        Outcome.INCONCLUSIVE,
    ]
