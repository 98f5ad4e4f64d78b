import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
import structlog

from tests.fakes import MORNING, FakeClock, settle
from watchdog.alert import Alert, Level
from watchdog.alert.outbox import LONGEST_PAUSE, Outbox, Response
from watchdog.errors import Unreachable

OK = Response(200, "ok")
DOWN = Unreachable("no answer within 10 s")


class Store:
    """An outbox in a dictionary."""

    def __init__(self, *titles: str) -> None:
        self.alerts = {title: Alert(title, "shop", Level.INFO, title, "", MORNING) for title in titles}

    async def pending_alerts(self) -> tuple[Alert, ...]:
        return tuple(a for a in self.alerts.values() if not a.sent_at and not a.dead)

    async def save_alert(self, alert: Alert) -> None:
        self.alerts[alert.id] = alert


class Receiver:
    """Answers from a list, `ok` once it is used up; remembers what was posted, and when."""

    def __init__(self, clock: FakeClock, *answers: Response | Unreachable) -> None:
        self.clock = clock
        self.answers = list(answers)
        self.posts: list[tuple[float, dict[str, object]]] = []

    async def post(self, payload: dict[str, object]) -> Response:
        self.posts.append(((self.clock.now() - MORNING).total_seconds(), payload))
        answer = self.answers.pop(0) if self.answers else OK
        if isinstance(answer, Unreachable):
            raise answer
        return answer

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.posts]

    @property
    def titles(self) -> list[str]:
        return [str(payload["text"]).removeprefix("shop: ") for _, payload in self.posts]


class Rig:
    """An outbox with alerts, and a receiver that answers as told."""

    def __init__(self, *answers: Response | Unreachable, alerts: tuple[str, ...] = ("first",)) -> None:
        self.clock = FakeClock()
        self.store = Store(*alerts)
        self.receiver = Receiver(self.clock, *answers)
        self.outbox = Outbox(self.store, self.receiver, self.clock)

    async def deliver(self) -> bool:
        """One round, and the second that it leaves Slack after each message."""
        task = asyncio.create_task(self.outbox.deliver_due())
        await settle()
        while not task.done():
            await self.clock.advance(timedelta(seconds=1))
        return task.result()

    async def rounds_for(self, seconds: int) -> None:
        """A round each second."""
        while (self.clock.now() - MORNING).total_seconds() < seconds:
            await self.deliver()
            await self.clock.advance(timedelta(seconds=1))


async def test_delivers_each_alert_once_oldest_first_a_second_apart() -> None:
    rig = Rig(alerts=("first", "second", "third"))
    assert not await rig.deliver()
    assert not await rig.deliver()
    assert rig.receiver.titles == ["first", "second", "third"]
    assert rig.receiver.times == [0, 1, 2]
    assert rig.store.alerts["first"].sent_at == MORNING


async def test_a_request_to_wait_is_honoured_for_every_alert() -> None:
    busy = Response(429, "", retry_after=timedelta(seconds=30))
    rig = Rig(busy, alerts=("first", "second"))
    await rig.rounds_for(40)
    assert rig.receiver.titles == ["first", "first", "second"]
    assert rig.receiver.times[1] >= 30
    assert all(a.sent_at for a in rig.store.alerts.values())


@pytest.mark.parametrize("answer", [Response(500, ""), Response(503, "busy"), Response(302, ""), DOWN])
async def test_backs_off_longer_each_time_while_the_receiver_is_ill(answer: Response | Unreachable) -> None:
    rig = Rig(*[answer] * 4)
    await rig.rounds_for(60)
    times = rig.receiver.times
    pauses = [round(later - earlier) for earlier, later in pairwise(times)]
    assert pauses == [2, 4, 8, 16]
    assert rig.store.alerts["first"].attempts == 5
    assert rig.store.alerts["first"].sent_at is not None


async def test_never_gives_up_and_never_pauses_for_longer_than_five_minutes() -> None:
    rig = Rig(*[DOWN] * 3)
    rig.store.alerts["first"] = replace(rig.store.alerts["first"], attempts=5000)
    assert await rig.deliver()
    due = rig.store.alerts["first"].next_attempt_at
    assert due == MORNING + LONGEST_PAUSE


async def test_newer_alerts_wait_while_an_older_one_is_being_retried() -> None:
    rig = Rig(DOWN, DOWN, alerts=("started", "succeeded"))
    await rig.rounds_for(20)
    assert rig.receiver.titles == ["started", "started", "started", "succeeded"]


async def test_one_alert_that_the_receiver_chokes_on_does_not_hold_the_others_back_for_ever() -> None:
    rig = Rig(Response(500, ""), alerts=("poison", "next"))
    rig.store.alerts["poison"] = replace(rig.store.alerts["poison"], attempts=50)
    await rig.deliver()
    assert rig.store.alerts["next"].sent_at is not None


async def test_an_invalid_payload_is_sent_once_more_without_blocks() -> None:
    rig = Rig(Response(400, "invalid_payload"))
    await rig.deliver()
    assert [sorted(payload) for _, payload in rig.receiver.posts] == [["blocks", "text"], ["text"]]
    assert rig.store.alerts["first"].sent_at == MORNING


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_an_alert_for_a_webhook_that_is_gone_is_dead_and_logged_as_critical(status: int) -> None:
    rig = Rig(Response(status, "no_service"), alerts=("first", "second"))
    with structlog.testing.capture_logs() as lines:
        await rig.deliver()
        await rig.deliver()
    assert rig.store.alerts["first"].dead == f"HTTP {status}"
    assert rig.receiver.titles == ["first", "second"]
    assert [(line["log_level"], line["title"]) for line in lines] == [("critical", "first")]


async def test_an_alert_that_is_refused_plain_too_is_dead() -> None:
    rig = Rig(Response(400, "invalid_payload"), Response(400, "no_text"))
    await rig.deliver()
    assert rig.store.alerts["first"].dead == "HTTP 400"


async def test_without_a_receiver_alerts_are_logged_and_done_with() -> None:
    rig = Rig(alerts=("first", "second"))
    rig.outbox.use(None)
    with structlog.testing.capture_logs() as lines:
        assert not await rig.deliver()
    assert [line["title"] for line in lines] == ["first", "second"]
    assert rig.receiver.posts == []
    assert rig.clock.now() == MORNING


async def test_a_new_receiver_gets_what_the_old_one_did_not_take() -> None:
    rig = Rig(DOWN)
    await rig.deliver()
    other = Receiver(rig.clock)
    rig.outbox.use(other)
    await rig.rounds_for(5)
    assert other.titles == ["first"]


async def test_whoever_wakes_the_outbox_is_served_at_once() -> None:
    rig = Rig(alerts=())
    running = asyncio.create_task(rig.outbox.run())
    await settle()
    rig.store.alerts["late"] = Alert("late", "shop", Level.INFO, "late", "", MORNING)
    rig.outbox.wake()
    await settle()
    assert rig.receiver.titles == ["late"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
