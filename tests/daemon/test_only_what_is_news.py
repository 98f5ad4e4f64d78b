"""Nothing healthy is rolled back: only what a deployment did, and only while it is news."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import timedelta

from tests.daemon.commands import FakeCommand
from tests.daemon.house import LIMIT, LOOK, House
from watchdog.daemon.guard import Guard
from watchdog.deploy.caller import caller
from watchdog.deploy.deployment import Phase
from watchdog.health.check import Answer
from watchdog.rollback.ledger import Standing


async def deploy_that_fails(house: House, guard: Guard) -> dict[str, object]:
    """A command that ends with 127 and touches nothing, as a mistyped one does."""
    command = FakeCommand()
    task = asyncio.create_task(guard.conductor.deploy(command, True))
    async with asyncio.timeout(LIMIT):
        await command.started.wait()
        command.exit(127)
        return await task


async def in_its_window(house: House) -> Guard:
    """Version 2 came after a good version 1, is healthy, and still watched."""
    guard = await house.adopted()
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await house.live(guard, 60)
    return guard


async def test_a_mistyped_command_leaves_a_healthy_release_in_its_window_alone(house: House) -> None:
    guard = await in_its_window(house)
    watched = guard.watch.deployment
    assert (await deploy_that_fails(house, guard))["state"] == "failed"
    await house.live(guard, 30)
    assert guard.watch.deployment is not None
    assert watched is not None
    assert guard.watch.deployment.id == watched.id
    assert (await house.running())["backend"] == "shop/backend:2"
    assert await house.ledger.operations("shop") == ()
    await house.live(guard, 600)
    assert guard.watch.good is not None
    assert guard.watch.good.service("backend").image == "shop/backend:2"  # type: ignore[union-attr]


async def test_a_mistyped_command_does_not_make_the_good_release_a_failed_one(house: House) -> None:
    guard = await house.adopted()
    await deploy_that_fails(house, guard)
    assert guard.watch.good is not None
    assert (await house.ledger.marks("shop"))[guard.watch.good.fingerprint].standing is Standing.GOOD
    await house.deploy("2")
    await house.handled(guard, LOOK)
    house.prober.script("api", Answer.BAD)
    await house.live(guard, 60)
    assert await house.heard("rollback_decided")


async def test_what_was_deployed_long_ago_while_nobody_looked_is_adopted_not_judged(house: House) -> None:
    guard = await house.adopted()
    await house.go_home(guard)
    await house.deploy("2", helper="shop/helper:1")
    for container in await house.containers():
        house.engine.change(container.id, restart_count=4)
    await house.end("helper", 1)
    house.clock.tick(timedelta(days=5))
    house.events.clear()
    guard = await house.on_guard()
    await house.live(guard, 60)
    assert house.told("deployment_missed")
    assert not house.told("rollback_decided")
    assert (await house.running())["backend"] == "shop/backend:2"


async def test_a_window_that_is_over_acts_no_more(house: House) -> None:
    """Somebody stopped a service within it; weeks later another one crashes."""
    guard = await in_its_window(house)
    (web,) = [c for c in await house.containers() if c.service == "web"]
    house.engine.change(web.id, state="exited", exit_code=143, finished_at=house.clock.now())
    guard.watch.stopped.add(web.id)
    await house.live(guard, 900)
    assert (await house.newest_deployment()).phase is Phase.UNDECIDED
    assert "the window of a deployment ended undecided; nothing is rolled back" in await house.titles()
    await house.end("backend", 1)
    await house.live(guard, 60)
    assert not house.told("rollback_decided")


async def test_what_ceased_to_be_good_stays_so_after_a_restart(house: House) -> None:
    guard = await house.adopted()
    await guard.desk.ask(lambda: guard.desk.take_for_granted(lost=True))
    guard = await house.reborn(guard)
    assert guard.watch.good is None


async def test_a_command_that_outlives_the_daemon_is_waited_for(house: House) -> None:
    guard = await house.adopted()
    command = FakeCommand()
    alive = caller(os.getpid())
    task = asyncio.create_task(guard.conductor.deploy(command, True, alive))
    async with asyncio.timeout(LIMIT):
        await command.started.wait()
    guard = await house.reborn(guard)
    task.cancel()
    house.prober.script("api", Answer.BAD)
    await house.live(guard, 120)
    assert guard.watch.deployment is not None
    assert guard.watch.deployment.phase is Phase.DEPLOYING
    assert not house.told("deployment_failed")
    assert alive is not None
    guard.watch.deployment = replace(guard.watch.deployment, caller=replace(alive, started=alive.started - 1))
    await house.deploy("2")
    await house.live(guard, 120)
    assert house.told("deployment_failed")


async def test_a_guard_that_only_looks_never_acts(house: House) -> None:
    guard = await in_its_window(house)
    await house.go_home(guard)
    looking = Guard(house.tools(), acts=False)
    looking.desk.listen(house.events.append)
    house.prober.script("api", Answer.BAD)
    task = asyncio.create_task(looking.run())
    await house.live(looking, 120)
    task.cancel()
    assert not house.told("deployment_failed")
    assert (await house.newest_deployment()).phase is Phase.MONITORING
