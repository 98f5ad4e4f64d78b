"""The desk's inbox: while the guard waits for a slow engine it stays small, and forgets nothing."""

from __future__ import annotations

from tests.daemon.house import House
from watchdog.daemon.desk import ROOM, Desk
from watchdog.daemon.messages import Hint, Probed
from watchdog.health.check import Answer, Sample
from watchdog.stack import Event
from watchdog.stack.event import MISSED


async def test_a_flood_of_hints_takes_no_room_and_keeps_who_was_told_to_stop(house: House) -> None:
    desk = Desk(house.tools())
    desk.post(Hint(Event("kill", container="web-1")))
    for number in range(100_000):
        desk.post(Hint(Event("die", at_ns=number, container=f"worker-{number % 7}")))
    taken = [message.event for message in await desk.messages() if isinstance(message, Hint)]
    assert len(taken) <= ROOM
    assert Event("kill", container="web-1") in taken
    assert Event(MISSED) in taken
    assert Event("die", at_ns=99_999, container="worker-4") in taken


async def test_no_answer_of_a_check_is_lost_in_it(house: House) -> None:
    desk = Desk(house.tools())
    samples = [Probed(Sample("api", house.clock.now(), Answer.OK, str(n))) for n in range(2 * ROOM)]
    for sample in samples:
        desk.post(sample)
        desk.post(Hint(Event("die", container="web-1")))
    taken = await desk.messages()
    assert [message for message in taken if isinstance(message, Probed)] == samples
