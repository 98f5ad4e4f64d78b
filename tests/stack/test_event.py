"""Which events say that somebody wants a container to end, and what remains of too many events."""

from __future__ import annotations

import pytest

from watchdog.stack.event import CONNECTED, MISSED, Event, condensed


@pytest.mark.parametrize("signal", [15, 9, 2, 3, None])
def test_a_kill_that_ends_a_process_asks_it_to_stop(signal: int | None) -> None:
    assert Event("kill", signal=signal).asks_to_stop


@pytest.mark.parametrize("signal", [1, 10, 12, 28])
def test_a_kill_that_only_tells_a_process_something_does_not(signal: int) -> None:
    assert not Event("kill", signal=signal).asks_to_stop


def test_another_event_does_not() -> None:
    assert not Event("die").asks_to_stop


def _kill(at_ns: int, signal: int) -> Event:
    return Event("kill", at_ns, container="a", signal=signal)


def test_of_too_many_events_the_newest_of_each_sort_remain_and_a_reason_to_look() -> None:
    deaths = [Event("die", at, container=name) for at in (1, 2, 3) for name in "ab"]
    assert condensed(deaths) == [deaths[4], deaths[5], Event(MISSED)]


def test_condensing_keeps_whether_a_start_came_after_the_stop() -> None:
    start = Event("start", 2, container="a")
    assert condensed([_kill(1, 15), start])[:2] == [_kill(1, 15), start]
    assert condensed([_kill(1, 15), start, _kill(3, 15)])[:2] == [start, _kill(3, 15)]


def test_condensing_keeps_a_stop_that_a_harmless_signal_followed() -> None:
    assert condensed([_kill(1, 15), _kill(2, 1)])[:2] == [_kill(1, 15), _kill(2, 1)]


def test_condensing_what_was_condensed_changes_nothing() -> None:
    once = condensed([Event(CONNECTED), _kill(1, 15), Event("die", 2, container="a")])
    assert condensed(once) == once
