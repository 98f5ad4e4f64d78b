from typing import Any

import pytest

from tests.fakes import MORNING
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
)
from watchdog.health.check import Severity
from watchdog.health.evidence import signals
from watchdog.health.signal import Kind
from watchdog.health.window import View, Window
from watchdog.stack import Container, Health

LATER = after(60)
OLD: dict[str, Any] = {"id": "old-backend", "created_at": after(-3600), "started_at": after(-3600)}
MIGRATING = observed(migrations=frozenset({"migrate"}))
BEFORE = {"old-backend": 1}


def _told(window: Window, seen: View) -> list[tuple[Kind, str, bool]]:
    return [(s.kind, s.detail, s.fatal) for s in signals(window, seen, LATER)]


@pytest.mark.parametrize(
    ("dead", "kind", "detail"),
    [
        (exited(3), Kind.EXIT, "backend exited with code 3 and nothing restarts it"),
        (
            exited(3, restart_policy="on-failure", restart_retries=2, restart_count=2),
            Kind.EXIT,
            "backend exited with code 3 and nothing restarts it",
        ),
        (exited(137, out_of_memory=True), Kind.MEMORY, "backend ran out of memory"),
        (
            exited(137, out_of_memory=True, state="restarting", restart_policy="always"),
            Kind.MEMORY,
            "backend ran out of memory",
        ),
        (
            exited(127, state="restarting", restart_policy="always"),
            Kind.EXIT,
            "backend cannot be executed (code 127)",
        ),
        (exited(1, "migrate"), Kind.MIGRATION, "migration migrate exited with code 1"),
        (
            exited(1, "migrate", state="restarting", restart_policy="on-failure"),
            Kind.MIGRATION,
            "migration migrate exited with code 1",
        ),
        (exited(2, "worker"), Kind.EXIT, "worker exited with code 2 and nothing restarts it"),
        (
            container(restart_policy="always", restart_count=3),
            Kind.RESTARTS,
            "backend has restarted 3 times since the deployment",
        ),
        (
            container(health=Health.UNHEALTHY),
            Kind.UNHEALTHY,
            "backend is unhealthy by its own health check",
        ),
        (
            container(state="created", exit_code=128, started_at=None),
            Kind.START,
            "backend could not be started (code 128)",
        ),
    ],
)
def test_a_new_container_that_fails_is_fatal(dead: Container, kind: Kind, detail: str) -> None:
    assert _told(MIGRATING, view(dead)) == [(kind, detail, True)]


@pytest.mark.parametrize(
    "alive",
    [
        container(),
        container(restart_count=2, restart_policy="always"),
        container(health=Health.STARTING),
        container(state="created", started_at=None),
        exited(0, "migrate"),
        exited(0, "one-shot"),
        exited(1, "migrate", id="run-1", one_off=True),
    ],
)
def test_what_is_no_failure_says_nothing(alive: Container) -> None:
    assert _told(MIGRATING, view(alive)) == []


@pytest.mark.parametrize(
    ("seen", "detail"),
    [
        (view(exited(0)), "backend exited with code 0"),
        (view(exited(3, restart_policy="on-failure")), "backend exited with code 3"),
        (view(exited(3, restart_policy="always")), "backend was stopped by somebody"),
        (view(exited(143, out_of_memory=True)), "backend was stopped by somebody"),
        (view(exited(137), killed=frozenset({"new-backend"})), "backend was stopped by somebody"),
        (view(exited(143)), "backend was stopped by somebody"),
    ],
)
def test_what_may_have_a_reason_is_told_but_not_fatal(seen: View, detail: str) -> None:
    assert _told(observed(), seen) == [(Kind.EXIT, detail, False)]


def test_a_container_that_is_replaced_while_the_command_runs_says_nothing() -> None:
    old = exited(1, **OLD)
    assert _told(announced(baseline=BEFORE), view(old)) == []


def test_a_container_from_before_that_ends_by_itself_after_the_command_is_fatal() -> None:
    old = exited(1, **OLD, finished_at=after(20))
    assert _told(announced(ended=10, baseline=BEFORE), view(old)) == [
        (Kind.EXIT, "backend exited with code 1 and nothing restarts it", True)
    ]


@pytest.mark.parametrize("code", [137, 143])
def test_a_container_from_before_ended_by_a_signal_is_no_failure_even_if_the_event_was_lost(
    code: int,
) -> None:
    old = exited(code, **OLD)
    assert [fatal for *_, fatal in _told(observed(baseline=BEFORE), view(old))] == [False]


def test_what_had_ended_before_says_nothing() -> None:
    window = observed(baseline=BEFORE, migrations=frozenset({"backend"}))
    assert _told(window, view(exited(1, **OLD, finished_at=after(-60)))) == []


def test_a_migration_that_is_run_again_in_its_old_container_counts_at_once() -> None:
    old = exited(1, **OLD, finished_at=after(5))
    window = announced(baseline=BEFORE, migrations=frozenset({"backend"}))
    assert _told(window, view(old)) == [(Kind.MIGRATION, "migration backend exited with code 1", True)]


def test_restarts_from_before_do_not_count_and_those_of_one_service_add_up() -> None:
    window = observed(baseline={"old-backend": 5})
    old = container(**OLD, restart_count=6)
    assert _told(window, view(old, container(restart_count=1))) == []
    assert [d for _, d, _ in _told(window, view(old, container(restart_count=2)))] == [
        "backend has restarted 3 times since the deployment"
    ]


def test_a_service_that_was_broken_before_is_not_fatal() -> None:
    window = observed(baseline_unhealthy=frozenset({"backend"}))
    assert [fatal for *_, fatal in _told(window, view(container(health=Health.UNHEALTHY)))] == [False]


def test_a_container_that_cannot_be_started_is_the_commands_matter_while_it_runs() -> None:
    broken = container(state="created", exit_code=127, started_at=None)
    assert [fatal for *_, fatal in _told(announced(), view(broken))] == [False]


def test_a_command_that_fails_is_fatal_and_one_that_succeeds_says_nothing() -> None:
    assert _told(announced(ended=5, code=2), view(container())) == [
        (Kind.COMMAND, "the deployment command exited with code 2", True)
    ]
    assert _told(announced(ended=5, code=0), view(container())) == []


API = check("api")  # start period 30 s, three failures
CHECK_IS_RED = "check api has failed 3 times in a row: HTTP 500"


@pytest.mark.parametrize(
    ("answers", "fatal"),
    [
        (bad(5, 10, 15), False),  # within the start period
        (bad(25, 30, 35), False),
        (bad(31, 36, 41), True),
        ((*ok(5), *bad(10, 15, 20)), True),  # it was up: no more grace
        ((*ok(-5), *bad(5, 10, 15)), False),  # it was the old version that was up
    ],
)
def test_a_red_check_is_fatal_only_for_answers_about_the_new_version(
    answers: tuple[tuple[float, object], ...], fatal: bool
) -> None:
    seen = view(container(), checks=(answered(API, *answers),))  # type: ignore[arg-type]
    assert _told(observed(), seen) == [(Kind.CHECK, CHECK_IS_RED, fatal)]


RED = answered(API, *bad(100, 105, 110))


@pytest.mark.parametrize(
    ("window", "seen"),
    [
        (observed(baseline_red=frozenset({"api"})), view(container(), checks=(RED,))),
        (announced(), view(container(), checks=(RED,))),
        (announced(ended=90), view(container(), checks=(RED,))),
        (observed(), view(container(state="created", started_at=None), checks=(RED,))),
        (observed(), view(checks=(RED,))),
        (observed(), view(container(started_at=after(90)), checks=(RED,))),
        (
            observed(),
            view(container(), checks=(answered(check(severity=Severity.WANTED), *bad(100, 105, 110)),)),
        ),
    ],
    ids=[
        "red before",
        "command runs",
        "command ended just now",
        "not started yet",
        "no container yet",
        "started just now",
        "only wanted",
    ],
)
def test_a_red_check_is_told_but_not_fatal(window: Window, seen: View) -> None:
    assert _told(window, seen) == [(Kind.CHECK, CHECK_IS_RED, False)]


def test_a_restart_by_the_engine_gives_no_new_grace() -> None:
    restarted = container(started_at=after(90), restart_count=1, restart_policy="always")
    assert [fatal for *_, fatal in _told(observed(), view(restarted, checks=(RED,)))] == [True]


def test_a_check_of_one_service_does_not_wait_for_another() -> None:
    window = observed(expected=frozenset({"backend", "worker"}))
    waiting = container("worker", state="created", started_at=None)
    red = answered(check("api", service="backend"), *bad(100, 105, 110))
    assert [fatal for *_, fatal in _told(window, view(container(), waiting, checks=(red,)))] == [True]


def test_a_signal_says_when() -> None:
    (signal,) = signals(observed(), view(exited(3)), LATER)
    assert signal.at == after(2)
    assert MORNING < signal.at < LATER
