"""A command without a daemon does all that follows from it, before its process ends."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.daemon.house import LOOK, House
from tests.daemon.test_proposing import ANN
from tests.daemon.test_supervisor import FakeWorkshop
from tests.daemon.test_suspending import pause
from watchdog.adapters.sqlite_ledger import SqliteLedger
from watchdog.daemon.lone import converse
from watchdog.deploy.deployment import Phase
from watchdog.deploy.page import Page
from watchdog.errors import Refused
from watchdog.rollback.suspension import Suspends

HOUR = timedelta(hours=1)
MANY = 5000
"""Turns of the loop: more than a refusal takes."""


class BusyDisk(SqliteLedger):
    """What it knows of pages comes after everything else."""

    async def pages(self, stack: str) -> tuple[Page, ...]:
        for _ in range(MANY):
            await asyncio.sleep(0)
        return await super().pages(stack)


@pytest.fixture
async def house(house: House) -> House:
    """In maintenance, with the page in place and a deployment's window open, when its daemon dies."""
    house.page = house.srv / "maintenance.html"
    guard = await house.adopted()
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await pause(guard, HOUR, Suspends.MAINTENANCE)
    await house.handled(guard, LOOK)
    await guard.desk.work.at_rest()
    assert house.page.exists()
    await house.go_home(guard)
    assert (await house.newest_deployment()).phase is Phase.MONITORING
    return house


async def asked(house: House, **request: Any) -> dict[str, Any]:
    """The last message of the conversation."""
    async with converse(FakeWorkshop(house), house.tools().settings, request, ANN) as near:
        while (message := await near.receive()) is not None:
            if "progress" not in message:
                return message
    raise AssertionError("it was left without an answer")


async def test_the_end_of_maintenance_takes_the_page_away(house: House) -> None:
    assert "result" in await asked(house, command="suspend", kind="maintenance", end=True)
    assert house.page is not None
    assert not house.page.exists()


async def test_a_page_whose_time_is_over_goes_though_the_command_is_refused(house: House) -> None:
    house.clock.tick(HOUR)
    house.ledger = BusyDisk(house.root / "state.db")
    answer = await asked(house, command="suspend", kind="maintenance", end=True)
    assert isinstance(answer.get("raise"), Refused)
    assert house.page is not None
    assert not house.page.exists()
