"""What waits between the thread and the loop stays small and loses nothing that matters."""

from __future__ import annotations

from watchdog.adapters.docker_event_reader import BATCH, Backlog
from watchdog.stack import Event
from watchdog.stack.event import CONNECTED, MISSED

KILL, START = Event("kill", 1, "shop", "backend", "a", signal=15), Event("start", 2, "shop", "backend", "a")


def _filled(*events: Event) -> Backlog:
    backlog = Backlog()
    for event in events:
        backlog.put(event)
    return backlog


def _deaths(count: int) -> list[Event]:
    return [Event("die", at, "shop", "backend", "b") for at in range(count)]


def test_hands_over_what_came_in_its_order_and_once() -> None:
    backlog = _filled(KILL, START)
    assert backlog.take() == [KILL, START]
    assert backlog.take() == []


def test_the_loop_is_told_only_of_the_first() -> None:
    backlog = Backlog()
    assert [backlog.put(KILL), backlog.put(START)] == [True, False]
    backlog.take()
    assert backlog.put(KILL)


def test_a_burst_stays_small_and_asks_for_a_look() -> None:
    taken = _filled(*_deaths(100_000)).take()
    assert len(taken) <= BATCH
    assert Event(MISSED) in taken


def test_a_burst_loses_neither_who_was_told_to_stop_nor_that_we_are_connected() -> None:
    burst = _deaths(2 * BATCH)
    assert [e for e in _filled(Event(CONNECTED), KILL, *burst).take() if e.action not in ("die", MISSED)] == [
        Event(CONNECTED),
        KILL,
    ]


def test_a_burst_of_more_containers_than_may_wait_keeps_each_and_does_not_condense_at_every_one() -> None:
    kills = [Event("kill", at, "shop", "backend", str(at), signal=15) for at in range(5 * BATCH)]
    taken = _filled(*kills).take()
    assert [e for e in taken if e.action == "kill"] == kills
    assert sum(e.action == MISSED for e in taken) == 1
