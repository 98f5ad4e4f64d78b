"""A guard survives its own faults, and those of what it works with: a dead guard protects nobody."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.daemon.commands import FakeCommand
from tests.daemon.house import LIMIT, LOOK, FullDisk, House
from tests.fakes import MORNING, settle
from watchdog.daemon.guard import Guard
from watchdog.daemon.messages import Probed, Tick
from watchdog.deploy.deployment import Kind, Phase
from watchdog.errors import Refused, WatchdogError
from watchdog.health.check import Answer, Sample


async def broken() -> None:
    raise KeyError("a bug of ours")


async def test_a_bug_in_one_message_ends_nothing_and_is_alerted_once(house: House) -> None:
    guard = await house.adopted()
    for _ in range(3):
        with pytest.raises(KeyError):
            await guard.desk.ask(broken)
    await house.handled(guard, LOOK)
    assert await house.titles() == ["ops-watchdog met an error of its own"]


async def test_a_message_that_fails_takes_no_other_with_it(house: House) -> None:
    """Whoever asked in the same moment gets an answer, and the look takes place."""
    ledger = FullDisk(house.root / "state.db")
    house.ledger = ledger
    guard = await house.adopted()
    ledger.full = True
    house.engine.change("backend-1", state="exited", exit_code=0)
    red = [Probed(Sample("api", MORNING, Answer.BAD)) for _ in range(3)]
    await house.handled(guard, *red, LOOK)
    assert [c.state for c in guard.watch.containers] == ["exited", "running"]


async def test_a_guard_that_cannot_even_alert_stays_alive(house: House) -> None:
    ledger = FullDisk(house.root / "state.db")
    house.ledger = ledger
    guard = await house.adopted()
    ledger.full = True
    with pytest.raises(KeyError):
        await guard.desk.ask(broken)
    await house.handled(guard, LOOK)


async def test_a_deployment_that_could_not_be_written_down_has_not_begun(house: House) -> None:
    ledger = FullDisk(house.root / "state.db")
    house.ledger = ledger
    guard = await house.adopted()
    ledger.full = True
    await house.deploy("2")
    await house.handled(guard, LOOK)
    assert guard.watch.deployment is None
    ledger.full = False
    await house.handled(guard, LOOK)
    assert guard.watch.deployment is not None


async def test_what_the_ledger_knows_is_asked_for_until_it_answers(house: House) -> None:
    """Otherwise a window, and what is taken for granted, would be forgotten for good."""
    ledger = FullDisk(house.root / "state.db")
    house.ledger = ledger
    good = (await house.adopted()).watch.good
    ledger.unreadable = True
    guard = Guard(house.tools())
    task = asyncio.create_task(guard.run())
    asked = asyncio.create_task(guard.desk.ask(guard.looker.look))
    await settle()
    assert guard.watch.looked_at is None
    ledger.unreadable = False
    await house.clock.advance(timedelta(seconds=2))
    await asked
    assert guard.watch.good == good
    task.cancel()


async def test_a_red_check_is_looked_into_before_it_fails_a_deployment(house: House) -> None:
    """Docker went away unnoticed: the last look shows containers that nobody knows anything about."""
    guard = await house.adopted()
    await house.deploy("2")
    await house.live(guard, 40)
    house.engine.unreachable = True
    for _ in range(3):
        house.clock.tick(timedelta(seconds=1))
        bad = Sample("api", house.clock.now(), Answer.BAD, "connection refused")
        await house.handled(guard, Probed(bad))
    assert guard.watch.deployment is not None
    assert guard.watch.deployment.phase is Phase.MONITORING
    assert not guard.watch.reachable


async def test_docker_counts_as_unreachable_even_if_that_cannot_be_alerted(house: House) -> None:
    ledger = FullDisk(house.root / "state.db")
    house.ledger = ledger
    guard = await house.adopted()
    ledger.full = house.engine.unreachable = True
    await house.handled(guard, LOOK)
    assert not guard.watch.reachable


async def test_it_looks_again_although_the_wall_clock_was_put_back(house: House) -> None:
    guard = await house.adopted()
    house.engine.change("backend-1", state="exited", exit_code=0)
    house.clock.tick(timedelta(seconds=31))
    house.clock.jump(timedelta(hours=-1))
    await house.handled(guard, Tick())
    assert not guard.watch.containers[0].running


async def test_whoever_asks_a_guard_whose_state_is_unusable_is_refused(house: House) -> None:
    ledger = FullDisk(house.root / "state.db")
    house.ledger = ledger
    ledger.unreadable = True
    guard = Guard(house.tools())
    asked = asyncio.create_task(guard.desk.ask(guard.looker.look))
    await settle()
    task = asyncio.create_task(guard.run())
    with pytest.raises(Refused, match="its state is unusable"):
        await asked
    task.cancel()


async def test_after_a_command_whose_end_could_not_be_written_what_changes_is_noticed(house: House) -> None:
    ledger = FullDisk(house.root / "state.db")
    house.ledger = ledger
    guard = await house.adopted()
    command = FakeCommand()
    task = asyncio.create_task(guard.conductor.deploy(command, True))
    async with asyncio.timeout(LIMIT):
        await command.started.wait()
    await house.deploy("2")
    ledger.full = True
    command.exit(0)
    with pytest.raises(WatchdogError, match="no space"):
        await task
    ledger.full = False
    await house.deploy("3")
    await house.handled(guard, LOOK)
    assert guard.watch.deployment is not None
    assert guard.watch.deployment.kind is Kind.OBSERVED
