"""A check that follows a HEALTHCHECK has its rhythm, and a window too short for it is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.health.samples import container
from watchdog.health.check import Check, EngineHealth, Tcp
from watchdog.health.rhythm import blind_spots, in_rhythm
from watchdog.stack import Healthcheck

SECOND = timedelta(seconds=1)
SLOW = Healthcheck(interval=10 * SECOND, start_period=60 * SECOND, retries=4)
FAST = Healthcheck(interval=2 * SECOND, start_period=0 * SECOND, retries=1)
OPEN = frozenset({"interval", "start_period", "failure_threshold"})
FOLLOWER = Check("docker backend", EngineHealth("backend"), follows=OPEN)
TCP = Check("port", Tcp("a", 1))


def test_takes_what_the_operator_left_open_and_nothing_else() -> None:
    backend = container("backend", healthcheck=SLOW)
    firm = replace(FOLLOWER, interval=3 * SECOND, follows=OPEN - {"interval"})
    found = in_rhythm([FOLLOWER, firm, TCP], [backend])
    rhythms = [(c.interval / SECOND, c.start_period / SECOND, c.failure_threshold) for c in found]
    assert rhythms == [(10, 60, 4), (3, 60, 4), (5, 30, 3)]


def test_stays_as_it_is_without_a_healthcheck() -> None:
    plain, other = container("backend"), container("frontend", healthcheck=SLOW)
    one_off = container("backend", healthcheck=SLOW, one_off=True)
    assert in_rhythm([FOLLOWER], [plain, other, one_off]) == (FOLLOWER,)


def test_an_adapted_check_adapts_again_to_the_next_release() -> None:
    (slow,) = in_rhythm([FOLLOWER], [container("backend", healthcheck=SLOW)])
    (fast,) = in_rhythm([slow], [container("backend", healthcheck=FAST)])
    assert fast.time_to_fail == 2 * SECOND


def test_while_one_replaces_another_the_slower_one_counts() -> None:
    both = [container("backend", healthcheck=FAST), container("backend", healthcheck=SLOW)]
    (found,) = in_rhythm([FOLLOWER], both)
    assert found.time_to_fail == SLOW.time_to_fail == 100 * SECOND


def test_names_what_can_fail_only_after_the_window() -> None:
    backend = container("backend", healthcheck=SLOW)
    slow = replace(TCP, start_period=120 * SECOND)
    assert blind_spots([FOLLOWER, slow], [backend], 100 * SECOND) == (
        "check port takes 135 s to fail, and the window ends after 100 s: lengthen deployment.monitor",
    )
    assert blind_spots([FOLLOWER, TCP], [backend], 99 * SECOND) == (
        "the HEALTHCHECK of backend takes 100 s to fail, and the window ends after 99 s: lengthen"
        " deployment.monitor",
    )
