"""The wall clock may be set, and the host may sleep: neither is time in which a release was watched."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.health.samples import after, answered, bad, check, container, exited, observed, ok, view, watched
from watchdog.health.steady import STEP
from watchdog.health.verdict import Outcome, verdict
from watchdog.health.window import Progress, View, Window
from watchdog.stack import Health

API = check("api")
HOUR = 3600.0
STARTING = view(container(health=Health.STARTING))


def good(at: float) -> View:
    return view(container(), checks=(answered(API, *ok(at)),))


def then(window: Window, *looks: tuple[float, View]) -> list[Outcome]:
    """Only these looks, with nothing in between."""
    progress, found = Progress(), []
    for seconds, look in looks:
        found.append(verdict(window, look, progress, after(seconds)))
        progress = found[-1].progress
    return [each.outcome for each in found]


def test_a_leap_forward_uses_up_no_deadline() -> None:
    assert then(observed(), (5, STARTING), (HOUR, STARTING), (HOUR + 9, STARTING)) == [Outcome.WAITING] * 3


def test_a_leap_forward_is_no_proof_of_health() -> None:
    assert then(observed(), (5, good(4)), (HOUR, good(HOUR)), (HOUR + 1, good(HOUR))) == [Outcome.WAITING] * 3


def test_after_a_leap_forward_the_start_period_is_as_long_as_before() -> None:
    """Three bad answers in the first seconds of a slow start."""
    slow = view(container(), checks=(answered(API, *bad(5, HOUR + 5, HOUR + 10, HOUR + 15)),))
    late = view(container(), checks=(answered(API, *bad(HOUR + 60, HOUR + 65, HOUR + 70)),))
    before = watched(observed(), (6, slow))[-1]
    found = watched(
        observed(), (HOUR + 16, slow), (HOUR + 30, slow), (HOUR + 71, late), start=before.progress
    )
    assert [each.outcome for each in found] == [Outcome.WAITING, Outcome.WAITING, Outcome.FAILED]


def test_a_clock_that_was_set_back_does_not_make_the_deadline_endless() -> None:
    found = watched(observed(), (5, STARTING), (10, STARTING))[-1]
    back = watched(
        observed(), (-HOUR, STARTING), (-HOUR + 284, STARTING), (-HOUR + 300, STARTING), start=found.progress
    )
    assert [each.outcome for each in back] == [Outcome.WAITING, Outcome.WAITING, Outcome.FAILED]


def test_a_clock_that_was_set_back_does_not_keep_a_release_from_being_healthy() -> None:
    """The container was started by the old clock, in what is the future now."""
    before = watched(observed(), (5, good(4)))[-1]
    now = good(-HOUR + 6)
    found = watched(observed(), (-HOUR + 7, now), (-HOUR + 20, now), (-HOUR + 45, now), start=before.progress)
    assert [each.outcome for each in found] == [Outcome.WAITING, Outcome.WAITING, Outcome.HEALTHY]


def test_answers_that_lie_in_the_future_prove_nothing() -> None:
    """They may have been given to the version before."""
    before = watched(observed(), (5, good(4)))[-1]
    found = watched(observed(), (-HOUR, good(4)), (-HOUR + 60, good(4)), start=before.progress)[-1]
    assert found.reasons == ("check api has not been green since the deployment",)


def test_another_end_of_the_command_is_counted_anew() -> None:
    """A further change that belongs to an observed deployment."""
    found = watched(observed(), (5, STARTING), (290, STARTING))[-1]
    again = replace(observed(), command_ended_at=after(295))
    late = watched(again, (296, STARTING), (500, STARTING), (600, STARTING), start=found.progress)
    assert [each.outcome for each in late] == [Outcome.WAITING, Outcome.WAITING, Outcome.FAILED]


@pytest.mark.parametrize(
    "hindered",
    [
        view(container(state="paused")),
        view(exited(1), killed=frozenset({"new-backend"})),
        view(),
        View((), reachable=False),
    ],
    ids=["paused", "stopped", "taken away", "engine away"],
)
def test_what_hinders_a_release_uses_up_no_deadline(hindered: View) -> None:
    looks = ((5, STARTING), (60, hindered), (2000, STARTING), (2200, STARTING), (2300, STARTING))
    assert [v.outcome for v in watched(observed(), *looks)][2:] == [
        Outcome.WAITING,
        Outcome.WAITING,
        Outcome.FAILED,
    ]


def test_a_service_that_starts_after_a_long_migration_has_its_deadline_to_itself() -> None:
    window = observed(expected=frozenset({"backend", "migrate"}), migrations=frozenset({"migrate"}))
    migrating = view(container("migrate"), container(state="created", started_at=None))
    begun = view(exited(0, "migrate"), container(health=Health.STARTING))
    looks = ((5, migrating), (2000, begun), (2290, begun), (2310, begun))
    assert [v.outcome for v in watched(window, *looks)][1:] == [
        Outcome.WAITING,
        Outcome.WAITING,
        Outcome.FAILED,
    ]


def test_a_window_is_complete_once_everything_was_started_and_stays_so() -> None:
    """A restart by hand makes it no longer."""
    window = observed(expected=frozenset({"backend", "migrate"}), migrations=frozenset({"migrate"}))
    migrating = view(container("migrate"), container(state="created", started_at=None))
    waiting = view(exited(0, "migrate"), container(state="created", started_at=None))
    begun, again = view(exited(0, "migrate"), container()), view(exited(0, "migrate"), exited(143))
    found = watched(window, (5, migrating), (700, waiting), (701, begun), (730, again), (760, begun))
    assert [each.progress.complete_at for each in found] == [None, None, *[after(701)] * 3]


def test_the_longest_step_is_shorter_than_what_a_release_must_show() -> None:
    assert timedelta(0) < STEP < observed().limits.min_healthy_time
