from dataclasses import replace

import pytest

from tests.health.samples import (
    after,
    announced,
    answered,
    bad,
    check,
    container,
    exited,
    observed,
    ok,
    view,
    watched,
)
from watchdog.health.check import Answer
from watchdog.health.verdict import Outcome
from watchdog.health.window import View, Window
from watchdog.stack import Container, Health

API = check("api")
GOOD = view(container(), checks=(answered(API, *ok(5, 10)),))


def _outcomes(window: Window, *looks: tuple[float, View]) -> list[Outcome]:
    return [found.outcome for found in watched(window, *looks)]


def test_healthy_after_everything_was_good_for_the_whole_time() -> None:
    verdicts = watched(observed(), (10, GOOD), (39, GOOD), (40, GOOD))
    assert [v.outcome for v in verdicts] == [Outcome.WAITING, Outcome.WAITING, Outcome.HEALTHY]
    assert verdicts[1].reasons == ("everything has been good for 29 s of 30 s",)
    assert (verdicts[2].progress.green_since, verdicts[2].progress.healthy_at) == (after(10), after(40))


def test_a_break_begins_the_time_anew() -> None:
    red = replace(GOOD, checks=(answered(API, *ok(10), *bad(20)),))
    again = replace(GOOD, checks=(answered(API, *ok(10), *bad(20), *ok(25)),))
    looks = ((10, GOOD), (20, red), (25, again), (50, again), (55, again))
    assert _outcomes(observed(), *looks) == [Outcome.WAITING] * 4 + [Outcome.HEALTHY]


def test_a_restart_begins_the_time_anew() -> None:
    restarted = view(container(started_at=after(30)), checks=(answered(API, *ok(31)),))
    looks = ((10, GOOD), (45, restarted), (60, restarted))
    assert _outcomes(observed(), *looks) == [Outcome.WAITING, Outcome.WAITING, Outcome.HEALTHY]


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (view(container("web")), "backend has no container"),
        (view(container(state="restarting", restart_policy="always")), "backend is restarting"),
        (view(container(health=Health.STARTING)), "backend is starting, by its own health check"),
        (view(exited(0, restart_policy="on-failure", state="restarting")), "backend is restarting"),
        (view(exited(3, restart_policy="on-failure")), "backend is exited"),
    ],
)
def test_what_is_not_good_waits_and_fails_at_the_deadline(seen: View, reason: str) -> None:
    _, early, late = watched(observed(), (0, seen), (299, seen), (300, seen))
    assert (early.outcome, early.reasons[0]) == (Outcome.WAITING, reason)
    assert late.outcome is Outcome.FAILED
    assert late.reasons[:2] == ("not healthy within 5 min", reason)


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (
            view(container(), checks=(answered(API),)),
            "check api has not been green since the deployment",
        ),
        (
            view(container(), checks=(answered(API, *ok(-5)),)),
            "check api has not been green since the deployment",
        ),
        (
            view(container(), checks=(answered(API, (5, Answer.INCONCLUSIVE)),)),
            "check api cannot be carried out: no route",
        ),
        (
            view(exited(137), killed=frozenset({"new-backend"})),
            "backend was stopped by somebody",
        ),
        (view(container(state="paused")), "backend was paused by somebody"),
        (view(exited(1, restart_policy="always")), "backend was stopped by somebody"),
        (view(exited(0)), "backend ended with code 0: whether it is done cannot be told"),
        (
            view(container(), checks=(answered(API, *ok(5), (9, Answer.INCONCLUSIVE)),)),
            "check api cannot be carried out: no route",
        ),
        (
            view(container(), checks=(answered(API, *ok(2), *bad(3)),)),  # less often than makes it red
            "check api fails: HTTP 500",
        ),
        (view(), "backend has no container"),  # the stack was taken away whole
    ],
)
def test_what_cannot_be_told_is_neither_healthy_nor_failed(seen: View, reason: str) -> None:
    _, early, late = watched(observed(), (0, seen), (299, seen), (3000, seen))
    assert (early.outcome, early.reasons) == (Outcome.WAITING, (reason,))
    assert (late.outcome, late.reasons) == (Outcome.INCONCLUSIVE, (reason,))


def test_an_engine_that_does_not_answer_is_inconclusive_whatever_was_seen() -> None:
    away = View(containers=(), reachable=False)
    assert _outcomes(observed(), (400, away)) == [Outcome.INCONCLUSIVE]
    assert _outcomes(announced(ended=1, code=1), (400, away)) == [Outcome.INCONCLUSIVE]


def test_nothing_to_judge_by_is_inconclusive() -> None:
    window = observed(expected=frozenset(), baseline_red=frozenset({"api"}))
    assert _outcomes(window, (400, GOOD)) == [Outcome.INCONCLUSIVE]


def test_a_running_command_is_never_healthy_and_does_not_use_up_the_deadline() -> None:
    window = announced()
    verdicts = watched(window, (10, GOOD), (3000, GOOD))
    assert [v.outcome for v in verdicts] == [Outcome.WAITING] * 2
    assert verdicts[1].reasons[0] == "the deployment command is still running"


def test_a_failed_command_fails_at_once() -> None:
    (found,) = watched(announced(ended=5, code=1), (5, GOOD))
    assert (found.outcome, found.reasons) == (
        Outcome.FAILED,
        ("the deployment command exited with code 1",),
    )


def test_a_migration_fails_even_while_the_command_runs() -> None:
    window = announced(migrations=frozenset({"migrate"}))
    assert _outcomes(window, (2, view(container(), exited(1, "migrate")))) == [Outcome.FAILED]


def test_a_completed_migration_is_good_and_a_running_one_is_waited_for() -> None:
    window = observed(expected=frozenset({"backend", "migrate"}), migrations=frozenset({"migrate"}))
    done = view(container(), exited(0, "migrate"))
    running = view(container(), container("migrate"))
    assert _outcomes(window, (10, done), (40, done)) == [Outcome.WAITING, Outcome.HEALTHY]
    (found,) = watched(window, (10, running))
    assert found.reasons == ("migration migrate is still running",)


def test_a_failure_stays_one_though_its_container_is_gone() -> None:
    verdicts = watched(observed(), (3, view(exited(3))), (60, GOOD))
    assert [v.outcome for v in verdicts] == [Outcome.FAILED, Outcome.FAILED]
    assert verdicts[1].reasons == ("backend exited with code 3 and nothing restarts it",)


def test_a_failure_after_it_was_healthy_is_one_within_the_window() -> None:
    looks = ((10, GOOD), (40, GOOD), (100, view(exited(1))))
    assert _outcomes(observed(), *looks)[-1] is Outcome.FAILED


def test_what_was_healthy_does_not_fail_by_the_deadline() -> None:
    looks = ((10, GOOD), (40, GOOD), (400, view()))
    assert _outcomes(observed(), *looks)[-1] is Outcome.WAITING


def test_a_check_that_was_red_before_is_not_waited_for() -> None:
    window = observed(baseline_red=frozenset({"api"}))
    seen = view(container(), checks=(answered(API, *bad(5, 10, 15)),))
    assert _outcomes(window, (10, seen), (40, seen)) == [Outcome.WAITING, Outcome.HEALTHY]


def test_all_containers_of_a_service_must_run() -> None:
    second: Container = container(id="new-backend-2", state="restarting", restart_policy="always")
    (found,) = watched(observed(), (10, view(container(), second)))
    assert found.reasons == ("backend is restarting",)


def test_a_check_that_asks_what_somebody_stopped_is_not_held_against_the_release() -> None:
    """The kill was seen; and where it was not, the exit code tells."""
    red = answered(API, *ok(5), *bad(40, 45, 50, 55))
    seen = view(exited(0), checks=(red,), killed=frozenset({"new-backend"}))
    unseen = view(exited(143), checks=(red,))
    assert _outcomes(observed(), (60, seen), (3000, seen)) == [Outcome.WAITING, Outcome.INCONCLUSIVE]
    assert _outcomes(observed(), (60, unseen), (3000, unseen)) == [Outcome.WAITING, Outcome.INCONCLUSIVE]


def test_a_long_migration_is_waited_for_beyond_the_deadline() -> None:
    """What waits for it cannot be ready, and breaking into it would do the damage."""
    window = observed(migrations=frozenset({"migrate"}), expected=frozenset({"backend", "migrate"}))
    seen = view(container("migrate"), container(state="created", started_at=None))
    assert _outcomes(window, (60, seen), (3000, seen)) == [Outcome.WAITING, Outcome.INCONCLUSIVE]
