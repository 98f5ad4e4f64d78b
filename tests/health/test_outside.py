"""What somebody does to containers in the window of a deployment is no failure of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
from watchdog.health.evidence import signals
from watchdog.health.signal import Kind
from watchdog.health.verdict import Outcome
from watchdog.health.window import Progress, View
from watchdog.stack import Container, Health

RESTARTING: dict[str, Any] = {"state": "restarting", "exit_code": 1, "restart_policy": "always"}
OLD = container(id="old-backend", image_id="sha256:1", created_at=after(-3600), started_at=after(-3600))
API = check("api")


def several(*ones: Container) -> View:
    """Containers of one service and making."""
    return view(*(replace(one, id=f"new-backend-{n}") for n, one in enumerate(ones)))


def fatal(seen: View) -> list[Kind]:
    return [s.kind for s in signals(observed(), seen, after(60)) if s.fatal]


@pytest.mark.parametrize(
    "one",
    [
        exited(3),
        exited(137, out_of_memory=True),
        container(health=Health.UNHEALTHY),
        container(**RESTARTING, restart_count=9),
        container(state="created", exit_code=127, started_at=None),
    ],
    ids=["exit", "memory", "unhealthy", "loop", "start"],
)
def test_one_of_several_that_fails_is_not_the_release_but_all_of_them_are(one: Container) -> None:
    firm = container(health=Health.HEALTHY)
    assert fatal(several(firm, one, firm)) == []
    assert fatal(several(one, one)) != []
    found = watched(observed(), (5, several(firm, one, firm)), (900, several(firm, one, firm)))
    assert [each.outcome for each in found] == [Outcome.WAITING, Outcome.INCONCLUSIVE]


def test_the_version_before_stands_firm_for_itself_only() -> None:
    looping = container(**RESTARTING, restart_count=3)
    assert fatal(view(OLD, looping)) == [Kind.RESTARTS]


def test_most_of_several_are_the_release() -> None:
    """One that stands firm among three is no proof that the two others only had bad luck."""
    firm, second, third = (container(id=name) for name in ("one", "two", "three"))
    loop = {**RESTARTING, "restart_count": 3}
    assert fatal(view(firm, replace(second, **loop), third)) == []
    assert fatal(view(firm, replace(second, **loop), replace(third, **loop))) == [Kind.RESTARTS]
    assert fatal(view(firm, replace(second, **loop), exited(143, id="stopped"))) == []


def test_a_migration_has_no_siblings() -> None:
    window = observed(migrations=frozenset({"backend"}))
    seen = several(container(), exited(1))
    assert [s.kind for s in signals(window, seen, after(60)) if s.fatal] == [Kind.MIGRATION]


def test_one_of_several_that_somebody_stopped_is_not_missed() -> None:
    """As scripts do that start the new ones beside the old ones."""
    left = exited(143)
    seen = several(container(), left)
    assert [v.outcome for v in watched(observed(), (5, seen), (40, seen))] == [
        Outcome.WAITING,
        Outcome.HEALTHY,
    ]


@pytest.mark.parametrize("state", ["removing", "dead"])
def test_what_is_being_removed_is_gone_already(state: str) -> None:
    seen = view(container(), exited(137, state=state, id="left"))
    assert [v.outcome for v in watched(observed(), (5, seen), (40, seen))] == [
        Outcome.WAITING,
        Outcome.HEALTHY,
    ]


def test_other_containers_of_the_same_release_made_by_hand_are_no_failure() -> None:
    """`docker compose up --force-recreate`, its kill seen or not."""
    looks = (
        (5, view(container())),
        (20, view(exited(143))),
        (21, view(container(id="again", started_at=after(21)))),
    )
    found = watched(observed(), *looks, (60, view(container(id="again", started_at=after(21)))))
    assert [v.outcome for v in found] == [Outcome.WAITING] * 3 + [Outcome.HEALTHY]


def test_what_was_there_and_is_gone_was_removed_and_what_never_came_is_missing() -> None:
    whole, part = view(container(), container("web")), view(container("web"))
    removed = watched(observed(), (5, whole), (10, part), (900, part))
    assert removed[-1].outcome is Outcome.INCONCLUSIVE
    assert removed[-1].reasons == ("backend was removed by somebody",)
    assert watched(observed(), (5, part), (400, part))[-1].outcome is Outcome.FAILED


def test_what_was_there_before_the_command_ended_may_still_be_missing_afterwards() -> None:
    whole, part = view(container(), container("web")), view(container("web"))
    during = watched(announced(), (5, whole))[-1]
    found = watched(announced(ended=10, code=0), (10, part), (400, part), start=during.progress)
    assert found[-1].outcome is Outcome.FAILED


def test_checks_of_what_is_paused_say_nothing_nor_do_their_answers_right_after() -> None:
    red = (answered(API, *ok(5), *bad(20, 25, 30, 35)),)
    paused, resumed = view(container(state="paused"), checks=red), view(container(), checks=red)
    later = view(container(), checks=(answered(API, *ok(5), *bad(70, 75, 80)),))
    looks = ((10, paused), (36, paused), (37, resumed), (90, later))
    assert [v.outcome for v in watched(observed(), *looks)] == [Outcome.WAITING] * 3 + [Outcome.FAILED]


def test_a_check_of_one_service_may_need_another_that_somebody_stops_restarts_or_removes() -> None:
    window = observed(expected=frozenset({"web", "store"}))
    green = answered(check("site", service="web"), *ok(5))
    red = answered(check("site", service="web"), *ok(5), *bad(20, 25, 30, 35))
    before = view(container("web"), container("store"), checks=(green,))
    for store in ((exited(1, "store"),), (container("store", started_at=after(33)),), ()):
        seen = view(container("web"), *store, checks=(red,), killed=frozenset({"new-store"}))
        assert watched(window, (10, before), (36, seen))[-1].outcome is Outcome.WAITING
    crashed = view(container("web"), container("store", **RESTARTING, restart_count=1), checks=(red,))
    assert watched(window, (10, before), (36, crashed))[-1].outcome is Outcome.FAILED


def test_what_ended_while_the_engine_did_not_answer_may_have_been_the_engines_doing() -> None:
    """dockerd was restarted, and with it everything; what it does not start again stays down."""
    away, down = View((), reachable=False), view(exited(1, finished_at=after(21)))
    found = watched(observed(), (10, view(container())), (20, away), (30, down), (900, down))
    assert [v.outcome for v in found[2:]] == [Outcome.WAITING, Outcome.INCONCLUSIVE]
    late = view(exited(1, finished_at=after(31)))
    assert watched(observed(), (10, view(container())), (20, away), (30, late))[-1].outcome is Outcome.FAILED


def test_a_kill_before_this_process_heard_events_may_have_been_somebodys() -> None:
    killed = view(exited(137, finished_at=after(20)))
    assert watched(observed(), (25, killed))[-1].outcome is Outcome.FAILED
    begun = Progress(heard_since=after(0))
    assert watched(observed(), (25, killed), start=begun)[-1].outcome is Outcome.WAITING
    later = view(exited(137, finished_at=after(30)))
    assert (
        watched(observed(), (25, view(container())), (31, later), start=begun)[-1].outcome is Outcome.FAILED
    )


def test_what_somebody_stopped_stays_so_until_it_is_started_again() -> None:
    """Whoever forgets the kill (a new process) need not call it a failure; another run is another matter."""
    down = view(exited(1))
    before = watched(observed(), (5, replace(down, killed=frozenset({"new-backend"}))))[-1]
    assert watched(observed(), (10, down), start=before.progress)[-1].outcome is Outcome.WAITING
    again = view(exited(1, started_at=after(9)))
    assert watched(observed(), (10, again), start=before.progress)[-1].outcome is Outcome.FAILED


@pytest.mark.parametrize("policy", ["always", "unless-stopped"])
def test_only_a_stop_leaves_down_what_is_always_restarted(policy: str) -> None:
    down = exited(1, restart_policy=policy)
    assert fatal(view(down)) == []
    assert watched(observed(), (5, view(down)), (900, view(down)))[-1].outcome is Outcome.INCONCLUSIVE
    gave_up = replace(down, restart_count=2)  # it could not be started once more
    assert watched(observed(), (5, view(gave_up)), (900, view(gave_up)))[-1].outcome is Outcome.FAILED


def test_a_restart_by_hand_sets_the_count_to_zero_and_what_follows_counts() -> None:
    window = observed(baseline={"old-backend": 5})
    looping = replace(OLD, restart_count=3)
    assert [s.kind for s in signals(window, view(looping), after(60)) if s.fatal] == [Kind.RESTARTS]


def test_what_ran_on_from_before_and_ended_with_zero_is_done() -> None:
    window = observed(baseline={"old-backend": 0})
    done = view(replace(OLD, state="exited", finished_at=after(10)))
    assert [v.outcome for v in watched(window, (12, done), (50, done))] == [Outcome.WAITING, Outcome.HEALTHY]
    stopped = replace(done, killed=frozenset({"old-backend"}))
    assert watched(window, (12, stopped), (900, stopped))[-1].outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (container(out_of_memory=True), [(Kind.MEMORY, False)]),
        (exited(0, "one-shot", out_of_memory=True), []),
        (exited(1, out_of_memory=True), [(Kind.MEMORY, True)]),
    ],
    ids=["a child of it", "done all the same", "itself"],
)
def test_memory_that_ran_out_is_fatal_where_the_container_ended_by_it(
    one: Container, told: list[tuple[Kind, bool]]
) -> None:
    assert [(s.kind, s.fatal) for s in signals(observed(), view(one), after(60))] == told


def test_what_always_restarts_after_exits_with_zero_fails() -> None:
    looping = view(
        container(state="restarting", restart_policy="always", restart_count=3, finished_at=after(9))
    )
    assert fatal(looping) == [Kind.RESTARTS]
