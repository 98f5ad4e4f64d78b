"""What must hold over any history, not only over those that somebody thought of."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.health.samples import after, answered, check, container, observed
from watchdog.health.check import Answer
from watchdog.health.evidence import signals
from watchdog.health.signal import Kind, Signal
from watchdog.health.verdict import Outcome, Verdict, verdict
from watchdog.health.window import Progress, View, Window
from watchdog.stack import Health

SERVICES = ("backend", "worker")
INSTANTS = st.integers(min_value=-60, max_value=600)
STATES = st.sampled_from(["running"] * 6 + ["created", "restarting", "exited", "dead"])
HEALTHS = st.sampled_from([Health.NONE, Health.HEALTHY] * 3 + [Health.STARTING, Health.UNHEALTHY])


@st.composite
def containers(draw: st.DrawFn) -> tuple:  # type: ignore[type-arg]
    made = []
    for service in draw(st.sampled_from([SERVICES, SERVICES, ("backend",), ()])):
        state = draw(STATES)
        made.append(
            container(
                service,
                id=draw(st.sampled_from([f"old-{service}", f"new-{service}"])),
                state=state,
                started_at=None if state == "created" else after(draw(INSTANTS)),
                finished_at=after(draw(INSTANTS)) if state != "running" else None,
                exit_code=0 if state == "running" else draw(st.sampled_from([0, 1, 127, 137, 143])),
                health=draw(HEALTHS),
                restart_count=draw(st.sampled_from([0, 0, 0, 0, 1, 4])),
                restart_policy=draw(st.sampled_from(["no", "always", "on-failure"])),
            )
        )
    return tuple(made)


ANSWERS = st.sampled_from([Answer.OK] * 4 + [Answer.BAD, Answer.INCONCLUSIVE])
answers = st.lists(st.tuples(INSTANTS, ANSWERS), max_size=12).map(sorted)
check_states = st.tuples(
    answers.map(lambda given: answered(check("api"), *given)),
    answers.map(lambda given: answered(check("login", success_threshold=2), *given)),
)
views = st.builds(
    View,
    containers=containers(),
    checks=check_states,
    killed=st.frozensets(st.sampled_from(["old-backend", "new-backend", "new-worker"])),
    reachable=st.sampled_from([True] * 7 + [False]),
)
windows = st.builds(
    observed,
    command_ended_at=st.one_of(st.none(), st.integers(0, 120).map(after)),
    command_exit_code=st.sampled_from([None, 0, 0, 0, 0, 1]),
    baseline=st.sampled_from([{}, {"old-backend": 0, "old-worker": 2}]),
    baseline_red=st.frozensets(st.sampled_from(["api", "login"])),
    expected=st.frozensets(st.sampled_from(SERVICES)),
    migrations=st.frozensets(st.just("worker")),
)


@st.composite
def histories_of_looks(draw: st.DrawFn) -> list[tuple[int, View]]:
    """Looks in the order of time, of which some find the world unchanged."""
    worlds = draw(st.lists(views, min_size=1, max_size=3))
    times = draw(st.lists(st.integers(0, 900), min_size=1, max_size=8).map(sorted))
    return [(seconds, draw(st.sampled_from(worlds))) for seconds in times]


histories = histories_of_looks()


def _judged(window: Window, history: list[tuple[int, View]]) -> list[Verdict]:
    progress = Progress()
    found = []
    for seconds, view in history:
        found.append(verdict(window, view, progress, after(seconds)))
        progress = found[-1].progress
    return found


@given(windows, histories)
def test_never_healthy_without_evidence(window: Window, history: list[tuple[int, View]]) -> None:
    for (_, view), found in zip(history, _judged(window, history), strict=True):
        if found.outcome is not Outcome.HEALTHY:
            continue
        assert window.command_ended_at is not None
        assert view.reachable
        up = {c.service for c in view.containers if c.running}
        done = {c.service for c in view.containers if c.state in {"exited", "dead"} and c.exit_code == 0}
        assert window.expected <= up | (done & window.migrations)
        for state in view.checks:
            if state.check.name not in window.baseline_red:
                assert state.passing
                assert state.confirmed_since(window.command_ended_at)


@given(windows, histories)
def test_never_healthy_sooner_than_the_minimum_after_the_first_good_look(
    window: Window, history: list[tuple[int, View]]
) -> None:
    for (seconds, _), found in zip(history, _judged(window, history), strict=True):
        if found.outcome is Outcome.HEALTHY:
            assert found.progress.green_since is not None
            assert after(seconds) - found.progress.green_since >= window.limits.min_healthy_time


@given(windows, histories)
def test_checks_that_were_red_before_never_decide(window: Window, history: list[tuple[int, View]]) -> None:
    blind = replace(window, baseline_red=frozenset({"api", "login"}))
    without = [(seconds, replace(view, checks=())) for seconds, view in history]
    assert [v.outcome for v in _judged(blind, history)] == [v.outcome for v in _judged(blind, without)]


@given(windows, histories, st.data())
def test_one_more_failure_never_saves_a_deployment(
    window: Window, history: list[tuple[int, View]], data: st.DataObject
) -> None:
    failure = Signal(Kind.EXIT, "other", "other exited with code 1", after(0), fatal=True)
    start = data.draw(st.sampled_from([Progress(), Progress(seen=(failure,))]))
    for seconds, view in history:
        plain = verdict(window, view, Progress(), after(seconds)).outcome
        more = verdict(window, view, start, after(seconds)).outcome
        assert plain is more or (start.seen and more is Outcome.FAILED)


@given(windows, histories)
def test_once_a_fatal_signal_was_seen_it_stays_failed_whenever_the_engine_answers(
    window: Window, history: list[tuple[int, View]]
) -> None:
    fatal = False
    for (seconds, view), found in zip(history, _judged(window, history), strict=True):
        if view.reachable:
            fatal = fatal or any(s.fatal for s in signals(window, view, after(seconds)))
            assert not fatal or found.outcome is Outcome.FAILED
        else:
            assert found.outcome is Outcome.INCONCLUSIVE


@given(windows, histories)
def test_every_verdict_says_why(window: Window, history: list[tuple[int, View]]) -> None:
    assert all(found.reasons for found in _judged(window, history))
