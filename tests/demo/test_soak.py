"""Reads the soak's endings out of a log, and deals its rounds out."""

from __future__ import annotations

import pytest
from bench.soak.ending import End, Ending, ending, over
from bench.soak.healthy import HEALTHY
from bench.soak.kind import QUICK
from bench.soak.plan import dealt, merged
from bench.soak.stage import STACKS
from demo.timeline import Event

BUDGET = "2 automatic rollbacks in 24 h: something else is wrong"
NOTIFY = {"reason": "rollback.mode is notify", "lines": ["It would go back to release R, …"]}


def told(kind: str, deployment: str = "", **facts: object) -> Event:
    return Event(1.0, kind, {"deployment": deployment, **facts})


FAILED = told("deployment_failed", "d", reasons=["worker has no container"])


@pytest.mark.parametrize(
    ("events", "end", "failed"),
    [
        ([told("deployment_good", "d")], End.GOOD, False),
        ([told("deployment_undecided", "d", reasons=["why"])], End.UNDECIDED, False),
        ([told("not_rolled_back", "d", reason="it changed nothing")], End.NOTHING, False),
        ([FAILED, told("not_rolled_back", "d", **NOTIFY)], End.CAUGHT, True),
        ([FAILED, told("not_rolled_back", "d", reason=BUDGET)], End.CAUGHT, True),
        ([FAILED, told("not_rolled_back", "d", reason="there is nothing to go back to")], End.UNTOLD, True),
        (
            [FAILED, told("rollback_decided", "d"), told("rollback_ended", outcome="succeeded", detail="")],
            End.ROLLED_BACK,
            True,
        ),
        (
            [FAILED, told("rollback_decided", "d"), told("rollback_ended", outcome="held", detail="")],
            End.UNTOLD,
            True,
        ),
    ],
)
def test_the_log_tells_how_a_round_ended(events: list[Event], end: End, failed: bool) -> None:
    found = ending([told("deployment_started", "d"), *events])
    assert (found.end, found.failed) == (end, failed)


def test_the_newest_deployment_decides_but_a_verdict_against_any_counts() -> None:
    events = [
        told("deployment_observed", "d"),
        FAILED,
        told("not_rolled_back", "d", **NOTIFY),
        told("deployment_started", "e"),
    ]
    assert not over(events)
    found = ending([*events, told("deployment_good", "e")])
    assert (found.end, found.failed) == (End.GOOD, True)


def test_a_rollback_is_not_over_when_it_is_decided() -> None:
    assert not over([told("deployment_started", "d"), FAILED, told("rollback_decided", "d")])


def test_the_ledger_stands_in_for_a_log_line_that_a_killed_daemon_never_wrote() -> None:
    begun = [told("deployment_started", "d")]
    assert ending(begun).end is End.UNTOLD
    assert ending(begun, "good") == Ending(End.GOOD, False)


def test_every_kind_is_dealt_to_a_stack_that_it_fits_and_a_seed_repeats_it() -> None:
    hands = dealt(HEALTHY, 120, STACKS, seed=7)
    rounds = [(name, one) for name, hand in hands.items() for one in hand]
    assert len(rounds) == 120
    assert {one.kind.name for _, one in rounds} == {kind.name for kind in HEALTHY}
    assert all(STACKS[name] in one.kind.on for name, one in rounds)
    assert dealt(HEALTHY, 120, STACKS, seed=7) == hands
    assert merged([hands], 7) == merged([hands], 7) != merged([hands], 8)


def test_what_fits_everywhere_evens_out_what_does_not() -> None:
    hands = dealt(HEALTHY, 200, STACKS, seed=3)
    quick = [name for name, flavour in STACKS.items() if flavour in QUICK]
    costs = [sum(one.kind.cost for one in hands[name]) for name in quick]
    assert max(costs) - min(costs) <= 2
