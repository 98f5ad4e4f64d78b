"""A chore that does not run is told: the scheduler itself would only drop it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from tests.daemon.house import LIMIT, House
from tests.fakes import settle
from watchdog.daemon import chores
from watchdog.daemon.aftercare import Aftercare
from watchdog.daemon.desk import Desk
from watchdog.daemon.guard import Guard
from watchdog.daemon.preparing import Preparer
from watchdog.daemon.schedule import Schedule, hourly
from watchdog.stack import Database, Stack

DID_NOT_RUN = "the hourly chores did not run"


class Broken(Aftercare):
    """Has a bug until it is mended; `called` once for each run."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.mended = False
        self.called: asyncio.Queue[None] = asyncio.Queue()

    def soon(self) -> None:
        self.called.put_nowait(None)
        if not self.mended:
            raise KeyError("sesame")


class Endless(Preparer):
    """Takes longer than an hour."""

    async def unneeded(self) -> bool:
        self.began.set()
        await asyncio.Event().wait()
        return False

    began: asyncio.Event


def again(schedule: Schedule) -> None:
    """The hour is over."""
    schedule._scheduler.modify_job("shop hourly", next_run_time=datetime.now(UTC))


async def run(schedule: Schedule, guard: Guard, broken: Broken) -> None:
    """One run has ended, and whoever listens has heard of it."""
    async with asyncio.timeout(LIMIT):
        await broken.called.get()
    await settle()
    await guard.tools.ledger.seen(guard.name)  # answered after whatever the run asks of it
    await settle()
    await guard.desk.work.at_rest()


async def test_a_chore_that_breaks_off_is_told_once_until_it_has_run(house: House) -> None:
    guard = Guard(house.tools())
    guard.aftercare = broken = Broken(guard.desk)
    schedule = Schedule({"shop": guard})
    schedule.start()
    await run(schedule, guard, broken)
    (alert,) = await house.alerts()
    assert (alert.title, alert.text) == (
        DID_NOT_RUN,
        "an error of ops-watchdog's own: KeyError; see its log",
    )
    for mended in (False, True, False):
        broken.mended = mended
        again(schedule)
        await run(schedule, guard, broken)
    assert await house.titles() == [DID_NOT_RUN, DID_NOT_RUN]
    await schedule.stop()


async def test_a_chore_that_is_still_at_work_when_it_is_due_again_is_told(house: House) -> None:
    databases = (Database("db", "shop", "me"),)
    house.stack = Stack("shop", "shop", house.srv, (house.compose,), databases=databases)
    guard = Guard(house.tools())
    guard.desk.listen(house._note)
    guard.preparer = endless = Endless(guard.desk)
    endless.began = asyncio.Event()
    schedule = Schedule({"shop": guard})
    schedule.start()
    async with asyncio.timeout(LIMIT):
        await endless.began.wait()
    again(schedule)
    assert "still at work" in (await house.heard("chore_failed"))["reason"]
    await settle()
    await schedule.stop()


async def test_the_story_is_kept_small_hour_by_hour(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chores, "KEPT_LINES", 2)
    guard = await house.adopted()
    await house.ledger.write(*(guard.desk.noted("verdict", str(number)) for number in range(5)))
    await hourly(guard)
    assert [line.text for line in await house.ledger.noted("shop")] == ["4", "3"]
