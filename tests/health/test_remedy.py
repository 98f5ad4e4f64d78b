"""How often an unhealthy service is restarted: seldom, and not for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.health.samples import after
from watchdog.health.remedy import PAUSES, WITHIN, OnUnhealthy, Remedy, remedy

RESTART, GIVE_UP = Remedy
MINUTE = 60


@pytest.mark.parametrize(
    ("restarts", "now", "expected"),
    [
        ([], 0, RESTART),
        ([0], 4 * MINUTE, None),
        ([0], 5 * MINUTE, RESTART),
        ([0, 5 * MINUTE], 19 * MINUTE, None),
        ([0, 5 * MINUTE], 20 * MINUTE, RESTART),
        ([0, 5 * MINUTE, 20 * MINUTE], 21 * MINUTE, GIVE_UP),
        ([0, 5 * MINUTE, 20 * MINUTE], 59 * MINUTE, GIVE_UP),
        ([0], 60 * MINUTE, RESTART),
    ],
)
def test_three_restarts_an_hour_with_growing_pauses(
    restarts: list[float], now: float, expected: Remedy | None
) -> None:
    assert remedy([after(seconds) for seconds in reversed(restarts)], after(now)) is expected


def test_never_more_than_three_in_any_hour_however_long_it_stays_unhealthy() -> None:
    done: list[float] = []
    for minute in range(24 * 60):
        if remedy([after(m * MINUTE) for m in done], after(minute * MINUTE)) is RESTART:
            done.append(minute)
    hour = WITHIN / timedelta(minutes=1)
    assert max(sum(begin <= m < begin + hour for m in done) for begin in done) == len(PAUSES)


@pytest.mark.parametrize(
    ("policy", "restarted"),
    [
        (OnUnhealthy(), set()),
        (OnUnhealthy(frozenset({"backend"})), {"backend"}),
        (OnUnhealthy(every=True, spared=frozenset({"database"})), {"backend", "web"}),
        (
            OnUnhealthy(frozenset({"database"}), every=True, spared=frozenset({"database", "web"})),
            {"backend", "database"},
        ),
    ],
)
def test_who_may_be_restarted(policy: OnUnhealthy, restarted: set[str]) -> None:
    assert {s for s in ("backend", "web", "database") if policy.restarts(s)} == restarted
