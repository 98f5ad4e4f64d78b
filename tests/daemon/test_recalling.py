"""What failed before and comes back is told at once, judged like any other, and rolled back no sooner."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.daemon.commands import FakeCommand
from tests.daemon.house import LOOK, House
from watchdog.daemon.guard import Guard
from watchdog.daemon.recalling import TITLE, what_failed


async def rolled_back(house: House) -> Guard:
    """Version 2 was deployed, exited, and is gone again."""
    guard = await house.adopted()
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await house.end("backend", 1)
    await house.handled(guard, LOOK)
    await house.heard("rollback_ended")
    await house.live(guard, 10)
    return guard


async def told(house: House) -> list[str]:
    return [alert.text for alert in await house.alerts() if alert.title == TITLE]


async def test_a_failed_image_that_an_updater_brings_back_is_told_before_any_verdict(house: House) -> None:
    guard = await rolled_back(house)
    await house.deploy("2")
    await house.handled(guard, LOOK)
    (text,) = await told(house)
    assert "backend runs the image" in text
    assert "backend exited with code 1" in text
    assert "Brought by a deployment that nobody announced" in text
    assert guard.watch.deployment is not None
    assert len(await house.ledger.operations("shop")) == 1


async def test_it_is_told_once_also_by_the_next_process(house: House) -> None:
    guard = await rolled_back(house)
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await house.live(guard, 10)
    guard = await house.reborn(guard)
    await house.live(guard, 10)
    assert len(await told(house)) == 1


async def test_what_failed_and_is_back_is_part_of_why_it_failed_again(house: House) -> None:
    guard = await rolled_back(house)
    house.clock.tick(timedelta(hours=1))
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await house.end("backend", 1)
    house.events.clear()
    await house.handled(guard, LOOK)
    reasons = (await house.heard("deployment_failed"))["reasons"]
    assert reasons[0] == "backend exited with code 1 and nothing restarts it"
    assert reasons[1].startswith("backend runs the image")


async def test_it_is_no_reason_to_roll_back_and_good_after_its_window_it_is_forgiven(house: House) -> None:
    guard = await rolled_back(house)
    await house.deploy("2")
    await house.live(guard, 700)
    assert house.told("deployment_good")
    assert len(await house.ledger.operations("shop")) == 1
    assert await what_failed(guard.desk, guard.watch.parts) == ()


async def test_another_release_of_the_same_services_is_nobody(house: House) -> None:
    guard = await rolled_back(house)
    await house.deploy("3")
    await house.handled(guard, LOOK)
    assert await told(house) == []


async def test_an_announced_command_that_brings_it_back_is_named(house: House) -> None:
    guard = await rolled_back(house)
    command = FakeCommand("deploy.sh", "--fast")
    deploying = asyncio.create_task(guard.conductor.deploy(command, True))
    await command.started.wait()
    await house.deploy("2")
    await house.handled(guard, LOOK)
    (text,) = await told(house)
    assert "Brought by 'deploy.sh --fast'" in text
    command.exit(0)
    deploying.cancel()
