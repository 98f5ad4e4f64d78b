"""The monitor window outlives the guard's process, and what is judged outlives a reload."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.daemon.commands import FakeCommand
from tests.daemon.house import LIMIT, LOOK, House
from tests.health.samples import check
from watchdog.daemon.guard import Guard
from watchdog.daemon.messages import Probed
from watchdog.deploy.deployment import Deployment, Phase
from watchdog.health.check import Answer, Http, Sample
from watchdog.health.streak import Color


async def deployed(house: House, seconds: float = 0) -> Guard:
    """Version 2 was deployed over a good version 1, so long ago."""
    guard = await house.adopted()
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await house.live(guard, seconds)
    return guard


def under_way(guard: Guard) -> Deployment:
    assert guard.watch.deployment is not None
    return guard.watch.deployment


async def test_deployment_and_baseline_survive_a_restart(house: House) -> None:
    guard = await deployed(house, 10)
    before = under_way(guard)
    guard = await house.reborn(guard)
    assert under_way(guard) == before


async def test_a_command_that_changed_nothing_hides_no_open_window_from_the_next_process(
    house: House,
) -> None:
    guard = await deployed(house, 10)
    observed = under_way(guard)
    command = FakeCommand()
    task = asyncio.create_task(guard.conductor.deploy(command, True))
    async with asyncio.timeout(LIMIT):
        await command.started.wait()
    command.exit(1)
    assert (await task)["state"] == "failed"
    guard = await house.reborn(guard)
    assert under_way(guard).id == observed.id


async def test_what_was_healthy_before_a_restart_is_good_after_its_window(house: House) -> None:
    guard = await deployed(house, 60)
    healthy_at = under_way(guard).healthy_at
    assert healthy_at is not None
    guard = await house.reborn(guard)
    assert under_way(guard).healthy_at == healthy_at
    assert guard.watch.progress.healthy_at == healthy_at
    await house.live(guard, 600)
    ended = await house.newest_deployment()
    assert (ended.phase, ended.healthy_at) == (Phase.GOOD, healthy_at)


async def test_a_failure_after_a_restart_is_rolled_back(house: House) -> None:
    guard = await deployed(house, 60)
    guard = await house.reborn(guard)
    house.prober.script("api", Answer.BAD)
    await house.live(guard, 60)
    assert await house.heard("rollback_decided")


async def test_a_failed_deployment_that_nobody_reacted_to_is_taken_up_after_a_restart(house: House) -> None:
    guard = await deployed(house)
    failed = replace(under_way(guard), phase=Phase.FAILED, reasons=("backend exited",))
    await house.go_home(guard)
    await house.ledger.write(failed)
    await house.on_guard()
    await house.heard("rollback_ended")
    assert await house.running() == {"backend": "shop/backend:1", "web": "shop/web:1"}
    assert len(await house.ledger.operations("shop")) == 1


async def test_the_end_of_a_window_and_the_new_target_are_one_transaction(house: House) -> None:
    guard = await deployed(house, 660)
    ended = await house.newest_deployment()
    good = await house.ledger.last_known_good("shop")
    assert (ended.phase, good) == (Phase.GOOD, guard.watch.good)
    assert good is not None
    assert good.fingerprint == ended.to_fingerprint


async def test_a_release_that_cannot_be_captured_when_its_window_ends_is_no_target_yet(house: House) -> None:
    """And neither is the one before it: nobody wants to go back two versions."""
    guard = await house.adopted()
    await house.deploy("2")
    house.edit("3")
    await house.live(guard, 720)
    assert (await house.newest_deployment()).phase is Phase.GOOD
    assert guard.watch.good is None
    house.edit("2")
    await house.live(guard, 40)
    assert guard.watch.good is not None


async def test_a_reload_keeps_what_is_known_of_a_check(house: House) -> None:
    guard = await house.adopted()
    before = guard.watch.checks["api"]
    house.checks = (check("api", interval=timedelta(seconds=9)), check("new"))
    await guard.desk.ask(lambda: guard.reconfigure(house.tools()))
    after = guard.watch.checks
    assert (after["api"].color, after["api"].since) == (Color.GREEN, before.since)
    assert after["api"].check.interval == timedelta(seconds=9)
    assert after["new"].color is Color.UNKNOWN


@pytest.mark.parametrize("checks", [("api", "mistyped"), ("mistyped",)])
async def test_a_check_that_is_new_in_a_window_says_nothing_about_its_deployment(
    house: House, checks: tuple[str, ...]
) -> None:
    guard = await deployed(house, 60)
    house.checks = tuple(check(name) for name in checks)
    house.prober.script("mistyped", Answer.BAD)
    await guard.desk.ask(lambda: guard.reconfigure(house.tools()))
    await house.live(guard, 120)
    assert under_way(guard).baseline_red == {"mistyped"}
    assert await house.ledger.operations("shop") == ()
    assert await house.newest_deployment() == under_way(guard)


async def test_a_check_that_asks_something_else_now_is_new(house: House) -> None:
    guard = await deployed(house, 60)
    house.checks = (check("api", probe=Http("http://127.0.0.1/moved")),)
    await guard.desk.ask(lambda: guard.reconfigure(house.tools()))
    assert guard.watch.checks["api"].color is Color.UNKNOWN
    assert under_way(guard).baseline_red == {"api"}


async def test_a_check_that_was_red_before_a_restart_is_red_after_it(house: House) -> None:
    guard = await house.adopted()
    for _ in range(3):
        await house.handled(guard, Probed(Sample("api", house.clock.now(), Answer.BAD, "HTTP 500")))
    guard = await house.reborn(guard)
    assert guard.watch.red(house.checks) == {"api"}


async def test_what_a_migration_holds_up_is_judged_once_it_has_ended(house: House) -> None:
    house.stack = replace(house.stack, migrations=("migrate",))
    guard = await house.adopted()
    await house.deploy("2", migrate="shop/migrate:2")
    await house.live(guard, 900)
    assert guard.watch.deployment is not None, "its deadlines have passed, but it has not begun"
    await house.end("migrate", 0)
    await house.live(guard, 40)
    assert (await house.newest_deployment()).healthy_at is not None
    await house.live(guard, 660)
    assert (await house.newest_deployment()).phase is Phase.GOOD


async def test_a_migration_that_never_ends_leaves_the_deployment_undecided(house: House) -> None:
    house.stack = replace(house.stack, migrations=("migrate",))
    guard = await house.adopted()
    await house.deploy("2", migrate="shop/migrate:2")
    await house.live(guard, house.deployment.command_timeout.total_seconds() + 900)
    assert (await house.newest_deployment()).phase is Phase.UNDECIDED
    assert house.told("rollback_decided") == []


async def test_nobody_is_called_good_by_an_old_look(house: House) -> None:
    """It crashed, and no event said so."""
    guard = await house.adopted()
    await house.deploy("2")
    await house.handled(guard, LOOK)
    healthy_from = house.deployment.min_healthy_time
    for _ in range(int(healthy_from.total_seconds() // 5) - 1):
        house.clock.tick(timedelta(seconds=5))
        await house.handled(guard, Probed(Sample("api", house.clock.now(), Answer.OK)), LOOK)
    await house.end("backend", 3)
    house.clock.tick(timedelta(seconds=5))
    await house.handled(guard, Probed(Sample("api", house.clock.now(), Answer.OK)))
    assert house.told("deployment_healthy") == []
    assert house.told("deployment_failed")
