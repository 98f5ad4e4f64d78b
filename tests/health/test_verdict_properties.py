"""What must hold over any history, not only over those that somebody thought of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.health.histories import History, ended, fails_no_more, first, histories, judged, windows
from tests.health.samples import after
from watchdog.health.check import Answer, Sample
from watchdog.health.signal import Kind, Signal
from watchdog.health.steady import STEP
from watchdog.health.streak import CheckState, record
from watchdog.health.verdict import Outcome, Verdict
from watchdog.health.window import Progress, View, Window
from watchdog.stack import Container

HOUR = 3600.0


@given(windows, histories())
def test_never_healthy_without_evidence(window: Window, history: History) -> None:
    for (_, view), found in zip(history, judged(window, history), strict=True):
        if found.outcome is not Outcome.HEALTHY:
            continue
        assert view.reachable
        assert window.command_ended_at is not None
        for service in window.expected:
            assert any(_good(window, c) for c in view.containers if c.service == service and not c.one_off)
        for state in view.checks:
            if state.check.name not in window.baseline_red:
                assert state.passing
                assert state.confirmed_since(ended(window))
                assert state.last is not None
                assert state.last.answer is Answer.OK


def _good(window: Window, container: Container) -> bool:
    """Up, or done with what it was for."""
    done = container.state == "exited" and container.exit_code == 0
    return container.running or (done and (container.service in window.migrations or _old(window, container)))


def _old(window: Window, container: Container) -> bool:
    return container.id in window.baseline


@given(windows, histories())
def test_never_healthy_sooner_than_the_minimum_after_the_first_good_look(
    window: Window, history: History
) -> None:
    found = judged(window, history)
    for n, each in enumerate(found):
        if each.outcome is Outcome.HEALTHY:
            assert each.progress.green_since is not None
            good = [s for (s, _), v in zip(history[: n + 1], found, strict=False) if v.progress.green_since]
            assert history[n][0] - good[0] >= window.limits.min_healthy_time.total_seconds()


@given(windows, histories())
def test_checks_that_were_red_before_never_decide(window: Window, history: History) -> None:
    blind = replace(window, baseline_red=frozenset({"api", "login"}))
    without = [(seconds, replace(view, checks=())) for seconds, view in history]
    assert _outcomes(judged(blind, history)) == _outcomes(judged(blind, without))


@given(windows, histories())
def test_checks_that_were_neither_red_nor_green_fail_nothing_until_they_were_green(
    window: Window, history: History
) -> None:
    window = replace(window, baseline_unproven=frozenset({"api", "login"}))
    never = [(s, replace(v, checks=tuple(_never_green(c) for c in v.checks))) for s, v in history]
    without = [(seconds, replace(view, checks=())) for seconds, view in history]
    assert fails_no_more(judged(window, without), judged(window, never))


@given(windows, histories())
def test_services_that_were_broken_before_fail_nothing_by_what_is_left_of_them(
    window: Window, history: History
) -> None:
    """Migrations apart, which never have an excuse, and what was mended in between."""
    services = frozenset({"backend", "worker"})
    window = replace(
        window,
        baseline_unhealthy=services,
        baseline_restarting=services,
        migrations=frozenset(),
        command_exit_code=0,
    )
    mute = [(s, replace(v, checks=(), containers=_not_well(v.containers))) for s, v in history]
    missing = any(
        not any(c.service == service for c in v.containers) for _, v in mute for service in services
    )
    assert missing or first(judged(window, mute), Outcome.FAILED) is None


@given(windows, histories(), st.data())
def test_one_more_failure_never_saves_a_deployment(
    window: Window, history: History, data: st.DataObject
) -> None:
    failure = Signal(Kind.EXIT, "other", "other exited with code 1", after(0), fatal=True)
    plain = judged(window, history)
    worse = judged(window, history, data.draw(st.sampled_from([Progress(), Progress(seen=(failure,))])))
    for before, later in zip(plain, worse, strict=True):
        assert before.outcome is later.outcome or later.outcome is Outcome.FAILED


@given(windows, histories(), st.data())
def test_one_more_bad_answer_makes_nothing_healthier(
    window: Window, history: History, data: st.DataObject
) -> None:
    since = data.draw(st.integers(0, len(history) - 1))
    worse = [(s, _one_bad_more(v, s) if n >= since else v) for n, (s, v) in enumerate(history)]
    failed, sooner = (first(judged(window, each), Outcome.FAILED) for each in (history, worse))
    assert failed is None or (sooner is not None and sooner <= failed)
    for before, later in zip(judged(window, history), judged(window, worse), strict=True):
        assert later.outcome is not Outcome.HEALTHY or before.outcome is Outcome.HEALTHY


@given(windows, histories())
def test_once_a_fatal_signal_was_seen_it_stays_failed_whenever_the_engine_answers(
    window: Window, history: History
) -> None:
    failed = False
    for (_, view), found in zip(history, judged(window, history), strict=True):
        if view.reachable:
            assert bool(found.progress.seen) <= (found.outcome is Outcome.FAILED)
            failed = failed or bool(found.progress.seen)
            assert not failed or found.outcome is Outcome.FAILED
        else:
            assert found.outcome is Outcome.INCONCLUSIVE


@given(windows, histories())
def test_an_engine_that_never_answers_never_fails(window: Window, history: History) -> None:
    away = [(seconds, replace(view, reachable=False)) for seconds, view in history]
    assert set(_outcomes(judged(window, away))) == {Outcome.INCONCLUSIVE}


@given(windows, histories(), st.data())
def test_a_moment_without_the_engine_fails_nothing_that_would_not_have_failed(
    window: Window, history: History, data: st.DataObject
) -> None:
    """A look that nothing but itself was witness of apart: who sees a container once only may miss it."""
    repeated = [n for n in range(1, len(history)) if history[n][1] is history[n - 1][1]]
    assume(repeated)
    n = data.draw(st.sampled_from(repeated))
    gone = [(s, replace(v, reachable=False) if i == n else v) for i, (s, v) in enumerate(history)]
    assert fails_no_more(judged(window, history), judged(window, gone))


@given(windows, histories(), st.data(), st.sampled_from([HOUR, 60.0]))
def test_a_clock_that_leaps_forward_does_no_more_than_the_longest_step_between_two_looks(
    window: Window, history: History, data: st.DataObject, leap: float
) -> None:
    history = [look for look in history if not window.command_ended_at or after(look[0]) >= ended(window)]
    assume(len(history) > 1)
    n = data.draw(st.integers(1, len(history) - 1))
    longest = STEP.total_seconds() - (history[n][0] - history[n - 1][0])
    step, found = (judged(window, _set_forward(history, n, by)) for by in (longest, leap))
    assert fails_no_more(step, found)
    for before, later in zip(step, found, strict=True):
        if later.outcome is Outcome.HEALTHY:
            assert before.outcome in {Outcome.HEALTHY, Outcome.FAILED}


@given(windows, histories(), st.data(), st.sampled_from([HOUR, 60.0]))
def test_a_clock_that_is_set_back_fails_nothing(
    window: Window, history: History, data: st.DataObject, jump: float
) -> None:
    n = data.draw(st.integers(0, len(history) - 1))
    moved = [(s - jump, v) if i >= n else (s, v) for i, (s, v) in enumerate(history)]
    assert fails_no_more(judged(window, history), judged(window, moved))


@given(windows, histories())
def test_the_same_history_is_judged_alike_and_says_why(window: Window, history: History) -> None:
    found = judged(window, history)
    assert found == judged(window, history)
    assert all(each.reasons for each in found)


@given(windows, histories())
def test_a_verdict_takes_no_notice_of_the_order_in_which_containers_are_listed(
    window: Window, history: History
) -> None:
    turned = [(s, replace(v, containers=v.containers[::-1])) for s, v in history]
    assert _outcomes(judged(window, turned)) == _outcomes(judged(window, history))


def _outcomes(found: Iterable[Verdict]) -> list[Outcome]:
    return [each.outcome for each in found]


def _never_green(state: CheckState) -> CheckState:
    return replace(state, confirmed_at=None)


def _not_well(containers: tuple[Container, ...]) -> tuple[Container, ...]:
    return tuple(replace(c, state="restarting") if c.running else c for c in containers)


def _one_bad_more(view: View, seconds: float) -> View:
    worse = (record(s, Sample(s.check.name, after(seconds), Answer.BAD, "HTTP 500")) for s in view.checks)
    return replace(view, checks=tuple(worse))


def _set_forward(history: History, n: int, seconds: float) -> History:
    """The clock is set forward before look `n`: what happened from then on is told by the new one."""
    since = history[n][0]
    return [(s + seconds, _told_later(v, since, seconds)) if s >= since else (s, v) for s, v in history]


def _told_later(view: View, since: float, jump: float) -> View:
    """What happened at `since` or later, by a clock that has been set forward."""
    by, at = timedelta(seconds=jump), after(since)

    def moved(instant: datetime | None) -> Any:
        return instant + by if instant is not None and instant >= at else instant

    checks = tuple(
        replace(s, confirmed_at=moved(s.confirmed_at), failed_at=tuple(moved(f) for f in s.failed_at))
        for s in view.checks
    )
    containers = tuple(
        replace(c, started_at=moved(c.started_at), finished_at=moved(c.finished_at)) for c in view.containers
    )
    return replace(view, checks=checks, containers=containers)
