"""Random histories of a deployment, for what must hold over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import strategies as st

from tests.health.samples import after, answered, check, container, exited, observed, ok
from watchdog.health.check import Answer
from watchdog.health.verdict import Outcome, Verdict, verdict
from watchdog.health.window import Limits, Progress, View, Window
from watchdog.stack import Container, Health

History = Sequence[tuple[float, View]]

SERVICES = ("backend", "worker")
INSTANTS = st.integers(min_value=-60, max_value=150)
STATES = st.sampled_from(
    ["running"] * 8 + ["created", "restarting", "exited", "exited", "paused", "dead", "removing"]
)
HEALTHS = st.sampled_from([Health.NONE, Health.HEALTHY] * 3 + [Health.STARTING, Health.UNHEALTHY])
POLICIES = st.sampled_from(["no", "always", "on-failure", "unless-stopped"])
CODES = st.sampled_from([0, 1, 127, 137, 143])
IDS = ("old-backend", "new-backend", "new-backend-2", "old-worker", "new-worker", "new-worker-2")


@st.composite
def one(draw: st.DrawFn, service: str, name: str) -> Container:
    state = draw(STATES)
    runs = state in {"running", "paused"}
    old = name.startswith("old")
    return container(
        service,
        id=name,
        image_id="sha256:1" if old else "sha256:2",
        created_at=after(-3600) if old else after(1),
        state=state,
        started_at=None if state == "created" else after(draw(INSTANTS)),
        finished_at=None if runs else after(draw(INSTANTS)),
        exit_code=0 if runs else draw(CODES),
        out_of_memory=draw(st.sampled_from([False] * 7 + [True])),
        health=draw(HEALTHS),
        restart_count=draw(st.sampled_from([0, 0, 0, 0, 1, 4])),
        restart_policy=draw(POLICIES),
        one_off=draw(st.sampled_from([False] * 9 + [True])),
    )


@st.composite
def containers(draw: st.DrawFn) -> tuple[Container, ...]:
    names = draw(st.lists(st.sampled_from(IDS), unique=True, max_size=4))
    return tuple(draw(one(name.split("-")[1], name)) for name in names)


ANSWERS = st.sampled_from([Answer.OK] * 4 + [Answer.BAD, Answer.BAD, Answer.INCONCLUSIVE])
answers = st.lists(st.tuples(INSTANTS, ANSWERS), max_size=12).map(sorted)
check_states = st.tuples(
    answers.map(lambda given: answered(check("api"), *given)),
    answers.map(lambda given: answered(check("login", success_threshold=2, service="backend"), *given)),
)
views = st.builds(
    View,
    containers=containers(),
    checks=check_states,
    killed=st.frozensets(st.sampled_from(IDS), max_size=2),
    reachable=st.sampled_from([True] * 7 + [False]),
)
answered_well = (answered(check("api"), *ok(2, 9)), answered(check("login", service="backend"), *ok(2, 9)))
well = st.builds(
    View,
    containers=st.sampled_from(
        [
            (container(), container("worker")),
            (container(), container("worker"), container("worker", id="new-worker-2")),
            (container(health=Health.HEALTHY), exited(0, "worker")),
        ]
    ),
    checks=st.integers(2, 30).map(
        lambda at: (
            answered(check("api"), *ok(at - 1, at)),
            answered(check("login", success_threshold=2, service="backend"), *ok(at - 1, at)),
        )
    ),
)
slow = st.sampled_from(
    [
        (container(health=Health.STARTING), container("worker")),
        (container(state="created", started_at=None), container("worker", state="paused")),
        (container(), container("worker", state="restarting", exit_code=1, restart_policy="always")),
        (container("worker"),),
        (container(), exited(0, "worker"), container("backend", id="new-backend-2", health=Health.STARTING)),
    ]
).map(lambda containers: View(containers, answered_well))
CHECKS = st.frozensets(st.sampled_from(["api", "login"]))
windows = st.builds(
    observed,
    command_ended_at=st.one_of(st.none(), *[st.integers(0, 5).map(after)] * 3, st.integers(5, 60).map(after)),
    command_exit_code=st.sampled_from([None] + [0] * 10 + [1]),
    baseline=st.sampled_from([{}, {"old-backend": 0, "old-worker": 2}]),
    baseline_red=CHECKS,
    baseline_unproven=CHECKS,
    baseline_unhealthy=st.frozensets(st.sampled_from(SERVICES), max_size=1),
    expected=st.frozensets(st.sampled_from(SERVICES)),
    migrations=st.frozensets(st.just("worker")),
    limits=st.just(Limits(timedelta(seconds=15), timedelta(minutes=1))),
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Looks as a guard takes them, of which most find the world unchanged."""
    worlds = draw(st.lists(st.one_of(well, slow, views), min_size=1, max_size=4))
    at: float = draw(st.integers(0, 60))
    looks = []
    for world in worlds:
        for step in draw(st.sampled_from([(1.0,), (0.25, 5.0), (5.0,) * 4, (9.0,) * 9])):
            looks.append((at, world))
            at += step
    return looks


def judged(window: Window, history: History, start: Progress | None = None) -> list[Verdict]:
    progress = start or Progress()
    found = []
    for seconds, view in history:
        found.append(verdict(window, view, progress, after(seconds)))
        progress = found[-1].progress
    return found


def first(outcomes: Sequence[Verdict], wanted: object) -> int | None:
    """The number of the first look with this outcome."""
    return next((n for n, found in enumerate(outcomes) if found.outcome is wanted), None)


def fails_no_more(plain: Sequence[Verdict], found: Sequence[Verdict], later: int = 0) -> bool:
    """What failed in `found` (which begins `later` looks after `plain`) had failed in `plain` by then.

    Or it had been healthy in time, there: whoever knows less needs longer to call something healthy, and what
    breaks before that still has a deadline to miss.
    """
    number = first(found, Outcome.FAILED)
    if number is None:
        return True
    sofar = plain[: number + later + 1]
    in_time = not found[number].progress.seen and first(sofar, Outcome.HEALTHY) is not None
    return in_time or first(sofar, Outcome.FAILED) is not None


def ended(window: Window) -> datetime:
    assert window.command_ended_at is not None
    return window.command_ended_at
