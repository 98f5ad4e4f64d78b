"""The maintenance page: in place while it is wanted, gone afterwards, and never in anybody's way."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from tests.daemon.commands import FakeCommand
from tests.daemon.house import LIMIT, LOOK, House
from tests.daemon.test_proposing import ANN, held
from tests.daemon.test_reacting import failing
from tests.daemon.test_suspending import pause
from watchdog.daemon.approving import abort
from watchdog.daemon.guard import Guard
from watchdog.daemon.lone import pipe
from watchdog.deploy.page import HTML, put
from watchdog.rollback.operation import Outcome
from watchdog.rollback.policy import Mode, RollbackPolicy
from watchdog.rollback.suspension import Suspends


@pytest.fixture
def house(house: House) -> House:
    house.page = house.srv / "maintenance.html"
    return house


def page(house: House) -> Path:
    assert house.page is not None
    return house.page


async def until(house: House, guard: Guard, there: bool) -> None:
    async with asyncio.timeout(LIMIT):
        while page(house).exists() is not there:
            await house.handled(guard, LOOK)


async def test_an_announced_deployment_shows_it_from_its_command_until_it_is_healthy(house: House) -> None:
    guard = await house.adopted()
    command = FakeCommand()
    deploying = asyncio.create_task(guard.conductor.deploy(command, allowed=True))
    await command.started.wait()
    await until(house, guard, there=True)
    await house.deploy("2")
    command.exit(0)
    await house.heard("command_ended")
    assert page(house).read_bytes() == HTML
    await house.live(guard, 40)
    assert (await deploying)["state"] == "healthy"
    await until(house, guard, there=False)
    assert guard.watch.deployment is not None, "its window goes on without it"


async def test_an_observed_deployment_does_not_show_it(house: House) -> None:
    guard = await house.adopted()
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await house.live(guard, 10)
    assert guard.watch.deployment is not None
    assert house.told("maintenance_page_put") == []


async def test_a_rollback_shows_it_and_takes_it_away(house: House) -> None:
    guard = await house.adopted()
    await failing(house, guard)
    assert (await house.heard("rollback_ended"))["outcome"] == Outcome.SUCCEEDED
    await house.heard("maintenance_page_put")
    await until(house, guard, there=False)


async def test_a_failure_that_waits_for_approval_shows_it_until_it_is_dealt_with(house: House) -> None:
    house.rollback = RollbackPolicy(mode=Mode.APPROVE)
    guard = await house.adopted()
    command = FakeCommand()
    deploying = asyncio.create_task(guard.conductor.deploy(command, allowed=True))
    await command.started.wait()
    await house.deploy("2")
    command.exit(1)
    assert (await deploying)["state"] == "awaiting approval"
    await until(house, guard, there=True)
    await abort(guard, {}, pipe()[0], ANN)
    await until(house, guard, there=False)


async def test_a_held_rollback_shows_it_until_somebody_says_that_it_is_dealt_with(house: House) -> None:
    guard = await house.adopted()
    await house.ledger.write(held(house.clock))
    guard = await house.reborn(guard)
    await until(house, guard, there=True)
    await abort(guard, {}, pipe()[0], ANN)
    await until(house, guard, there=False)


async def test_maintenance_shows_it_until_its_time_is_over(house: House) -> None:
    guard = await house.adopted()
    await pause(guard, timedelta(minutes=5), Suspends.MAINTENANCE)
    await until(house, guard, there=True)
    house.clock.tick(timedelta(minutes=5))
    await house.handled(guard, LOOK)
    await until(house, guard, there=False)


async def test_a_pause_does_not_show_it(house: House) -> None:
    guard = await house.adopted()
    await pause(guard)
    await house.handled(guard, LOOK)
    assert not page(house).exists()


@pytest.mark.parametrize("moved", [False, True])
async def test_the_next_process_takes_away_what_a_dead_one_left(house: House, moved: bool) -> None:
    """Also where the configuration names another place since."""
    guard = await house.adopted()
    await pause(guard, timedelta(minutes=5), Suspends.MAINTENANCE)
    await until(house, guard, there=True)
    left = page(house)
    await house.go_home(guard)
    house.clock.tick(timedelta(minutes=5))
    house.page = house.srv / "other.html" if moved else left
    guard = await house.on_guard()
    async with asyncio.timeout(LIMIT):
        while left.exists():
            await house.handled(guard, LOOK)
    await guard.desk.work.at_rest()
    assert await house.ledger.pages("shop") == ()


async def test_a_page_of_somebodys_own_stays_as_it_is(house: House) -> None:
    guard = await house.adopted()
    page(house).write_text("by hand")
    await pause(guard, timedelta(minutes=5), Suspends.MAINTENANCE)
    assert "own" in (await house.heard("maintenance_page_left"))["reason"]
    house.clock.tick(timedelta(minutes=5))
    await house.handled(guard, LOOK)
    guard = await house.reborn(guard)
    assert page(house).read_text() == "by hand"


async def test_one_of_our_making_that_we_did_not_put_there_is_left(house: House) -> None:
    """Somebody copied it: no row says that it is ours to remove."""
    put(page(house))
    guard = await house.adopted()
    await house.handled(guard, LOOK)
    assert page(house).exists()


async def test_a_page_that_cannot_be_written_hinders_nothing_and_is_told_once(house: House) -> None:
    house.page = house.srv / "gone" / "maintenance.html"
    guard = await house.adopted()
    await failing(house, guard)
    assert (await house.heard("rollback_ended"))["outcome"] == Outcome.SUCCEEDED
    await pause(guard, timedelta(minutes=5), Suspends.MAINTENANCE)
    await house.handled(guard, LOOK)
    titles = await house.titles()
    assert titles.count("the maintenance page") == 1
    assert "rollback started" in titles


async def test_without_a_page_configured_nothing_is_put_anywhere(house: House) -> None:
    house.page = None
    before = set(house.srv.iterdir())
    guard = await house.adopted()
    await pause(guard, timedelta(minutes=5), Suspends.MAINTENANCE)
    await house.handled(guard, LOOK)
    await guard.desk.work.at_rest()
    assert set(house.srv.iterdir()) - before <= {house.compose}
    assert await house.ledger.pages("shop") == ()


async def test_a_reload_that_names_another_place_moves_it(house: House) -> None:
    guard = await house.adopted()
    await pause(guard, timedelta(minutes=5), Suspends.MAINTENANCE)
    await until(house, guard, there=True)
    first, house.page = page(house), house.srv / "other.html"
    tools = house.tools()
    await guard.desk.ask(lambda: guard.reconfigure(tools))
    await until(house, guard, there=True)
    assert not first.exists()
