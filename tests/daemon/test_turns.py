"""One operation at a time; what gives way is cut at once, tidies up after itself, and its caller is told."""

from __future__ import annotations

import asyncio

import pytest

from tests.daemon.house import House
from watchdog.daemon.guard import Guard
from watchdog.errors import Busy


class Verification:
    """Something that takes for ever and tidies up when it is cut."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.tidied = False

    async def work(self) -> None:
        try:
            self.begun.set()
            await asyncio.Event().wait()
        finally:
            await self.may_end.wait()
            self.tidied = True


async def result() -> str:
    return "done"


async def test_a_second_operation_is_told_who_is_at_work(house: House) -> None:
    ours = Guard(house.tools()).desk.work
    work = asyncio.create_task(ours.run("backup", house.at_work()))
    await asyncio.sleep(0)
    assert (ours.busy, ours.doing) == (True, "backup")
    with pytest.raises(Busy, match=r"shop is busy: 'backup' since \d\d:\d\d:\d\d; wait"):
        await ours.run("deploy x", result())
    house.work_done.set()
    await work
    assert (ours.busy, ours.doing) == (False, "")


async def test_a_verification_gives_way_to_a_rollback_once_it_has_tidied_up(house: House) -> None:
    ours, verification = Guard(house.tools()).desk.work, Verification()
    verifying = asyncio.create_task(ours.run("verify", verification.work(), gives_way=True))
    await verification.begun.wait()
    assert (ours.busy, ours.doing) == (False, "verify")
    rolling_back = asyncio.create_task(ours.run("rollback", result()))
    await asyncio.sleep(0)
    assert not rolling_back.done()
    verification.may_end.set()
    assert await rolling_back == "done"
    assert verification.tidied
    with pytest.raises(Busy, match="'verify' gave way to 'rollback'; try again"):
        await verifying


async def test_two_that_want_the_same_turn_cut_it_once_and_one_of_them_waits(house: House) -> None:
    ours, verification = Guard(house.tools()).desk.work, Verification()
    verifying = asyncio.create_task(ours.run("verify", verification.work(), gives_way=True))
    await verification.begun.wait()
    first = asyncio.create_task(ours.run("rollback", house.at_work()))
    second = asyncio.create_task(ours.run("backup", house.at_work()))
    await asyncio.sleep(0)
    verification.may_end.set()
    with pytest.raises(Busy, match="shop is busy: 'rollback'"):
        await second
    assert verification.tidied
    house.work_done.set()
    await first
    with pytest.raises(Busy):
        await verifying


async def test_a_verification_cuts_nobody(house: House) -> None:
    ours = Guard(house.tools()).desk.work
    work = asyncio.create_task(ours.run("backup", house.at_work()))
    await asyncio.sleep(0)
    with pytest.raises(Busy, match="shop is busy: 'backup'"):
        await ours.run("verify", result(), gives_way=True)
    house.work_done.set()
    await work
