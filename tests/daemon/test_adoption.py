"""The first start: what runs becomes the last known good release once it has shown itself."""

from __future__ import annotations

from tests.daemon.house import House
from watchdog.daemon.guard import Guard
from watchdog.health.check import Answer


async def test_what_runs_at_first_start_is_adopted_once_green_long_enough(house: House) -> None:
    await house.deploy("1")
    guard = await house.on_guard()
    await house.live(guard, 30)
    assert guard.watch.good is None
    await house.live(guard, 10)
    assert guard.watch.good is not None
    assert guard.watch.good == await house.ledger.last_known_good("shop")
    assert {s.image for s in guard.watch.good.services} == {"shop/backend:1", "shop/web:1"}


async def test_the_first_start_is_no_deployment(house: House) -> None:
    await house.adopted()
    assert await house.ledger.deployments("shop") == ()
    assert await house.titles() == []


async def test_adoption_is_withheld_while_red_and_given_later(house: House) -> None:
    house.prober.script("api", Answer.BAD)
    await house.deploy("1")
    guard = await house.on_guard()
    await house.live(guard, 600)
    assert guard.watch.good is None
    assert "check api is down" in await house.titles()
    house.prober.script("api", Answer.OK)
    await house.live(guard, 40)
    assert guard.watch.good is not None


async def test_a_service_that_crashes_is_not_adopted(house: House) -> None:
    await house.deploy("1")
    guard = await house.on_guard()
    await house.live(guard, 20)
    await house.end("backend", 1)
    await house.live(guard, 15)
    assert guard.watch.good is None


async def test_a_crash_loop_is_not_adopted_while_it_waits_for_its_next_start(house: House) -> None:
    """Docker waits up to a minute then: longer than everybody else must be green."""
    await house.deploy("1")
    guard = await house.on_guard()
    for restarts in range(8, 12):
        started = house.clock.now()
        house.engine.change("backend-1", state="running", started_at=started, restart_count=restarts)
        await house.live(guard, 5)
        house.engine.change("backend-1", state="restarting", exit_code=1, finished_at=house.clock.now())
        await house.live(guard, 55)
    assert guard.watch.good is None


async def test_what_cannot_be_captured_is_not_adopted_until_it_can(house: House) -> None:
    await house.deploy("1")
    house.edit("2")
    guard = await house.on_guard()
    await house.live(guard, 60)
    assert guard.watch.good is None
    assert "would be changed by the next 'up'" in guard.watch.uncaptured
    house.edit("1")
    await house.live(guard, 40)
    assert guard.watch.good is not None


async def test_what_was_adopted_is_known_after_a_restart(house: House) -> None:
    guard: Guard = await house.adopted()
    good = guard.watch.good
    guard = await house.reborn(guard)
    assert guard.watch.good == good
    assert guard.desk.adopted.is_set()
