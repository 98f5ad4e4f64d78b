"""`ops-watchdog deploy`: backup, command, and the wait until it is healthy or dealt with."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.daemon.commands import FakeCommand
from tests.daemon.house import LIMIT, LOOK, House
from tests.health.samples import exited
from watchdog.backup.catalogue import catalogue
from watchdog.daemon.guard import Guard
from watchdog.daemon.messages import Probed
from watchdog.deploy.deployment import Deployment, Kind, Phase
from watchdog.errors import Busy, Refused, Unreachable
from watchdog.health.check import Answer
from watchdog.rollback.operation import Outcome

Running = asyncio.Task[dict[str, object]]


async def begun(guard: Guard, command: FakeCommand, allowed: bool = True) -> Running:
    """Its command runs when this returns."""
    task = asyncio.create_task(guard.conductor.deploy(command, allowed))
    async with asyncio.timeout(LIMIT):
        await command.started.wait()
    return task


def under_way(guard: Guard) -> Deployment:
    assert guard.watch.deployment is not None
    return guard.watch.deployment


async def test_what_runs_is_backed_up_before_the_command_starts(house: House) -> None:
    guard = await house.adopted()
    command = FakeCommand()
    await begun(guard, command)
    backups = catalogue(house.root / "backups")
    assert [backup.release for backup in backups] == [guard.watch.release]
    deployment = under_way(guard)
    assert (deployment.kind, deployment.phase) == (Kind.ANNOUNCED, Phase.DEPLOYING)
    assert deployment.backup == backups[0].timestamp
    assert guard.watch.good is not None
    assert deployment.target_release == guard.watch.good.id


async def test_the_next_release_may_lie_on_disk_already(house: House) -> None:
    """`git pull && ops-watchdog deploy`."""
    guard = await house.adopted()
    old = house.compose.read_bytes()
    house.edit("2")
    await begun(guard, FakeCommand())
    backup = catalogue(house.root / "backups")[0]
    assert backup.release is not None
    assert backup.release.files[0].content == old


async def test_it_returns_once_healthy_and_the_window_goes_on(house: House) -> None:
    guard = await house.adopted()
    command = FakeCommand()
    task = await begun(guard, command)
    await house.deploy("2")
    await house.handled(guard, LOOK)
    command.exit(0)
    await house.heard("command_ended")
    await house.live(guard, 40)
    result = await task
    assert result["state"] == "healthy"
    assert under_way(guard).phase is Phase.MONITORING
    await house.live(guard, 600)
    assert (await house.newest_deployment()).phase is Phase.GOOD
    assert guard.watch.good is not None
    assert {s.image for s in guard.watch.good.services} == {"shop/backend:2", "shop/web:1"}


@pytest.mark.parametrize("code", [1, 124, 143])
async def test_a_command_that_fails_is_rolled_back(house: House, code: int) -> None:
    guard = await house.adopted()
    command = FakeCommand()
    task = await begun(guard, command)
    await house.deploy("2")
    command.exit(code)
    assert (await task)["state"] == "rolled back"
    operation = (await house.ledger.operations("shop"))[0]
    assert operation.reasons == (f"the deployment command exited with code {code}",)
    assert await house.running() == {"backend": "shop/backend:1", "web": "shop/web:1"}


async def test_a_command_that_fails_before_it_changed_anything_leaves_nothing_to_roll_back(
    house: House,
) -> None:
    guard = await house.adopted()
    command = FakeCommand()
    task = await begun(guard, command)
    command.exit(1)
    assert (await task)["state"] == "failed"
    assert "changed neither containers nor schema" in (await house.heard("not_rolled_back"))["reason"]
    assert await house.ledger.operations("shop") == ()


async def test_a_command_that_takes_too_long_is_ended_and_fails(house: House) -> None:
    house.deployment = replace(house.deployment, command_timeout=timedelta(milliseconds=20))
    guard = await house.adopted()
    command = FakeCommand()
    task = await begun(guard, command)
    await house.deploy("2")
    assert (await task)["state"] == "rolled back"
    assert command.calls == ["run", "end"]
    assert "did not end within" in (await house.ledger.operations("shop"))[0].reasons[0]


async def test_a_command_whose_terminal_is_gone_fails(house: House) -> None:
    guard = await house.adopted()
    command = FakeCommand()
    task = await begun(guard, command)
    await house.deploy("2")
    command.lose_terminal()
    assert (await task)["state"] == "rolled back"
    assert (await house.ledger.operations("shop"))[0].reasons[0] == "the terminal is gone"


async def test_of_a_command_that_failed_nothing_is_left_before_it_is_judged(house: House) -> None:
    guard = await house.adopted()
    command = FakeCommand()
    task = await begun(guard, command)
    await house.deploy("2")
    command.exit(1)
    assert (await task)["state"] == "rolled back"
    name = (await house.newest_deployment()).id
    assert house.commands.ended == [name, name], "at its end, and by preflight"
    assert command.deployments == [name]


async def test_what_a_healthy_command_left_in_the_background_is_its_own_affair(house: House) -> None:
    guard = await house.adopted()
    command = FakeCommand()
    await begun(guard, command)
    command.exit(0)
    await house.heard("command_ended")
    assert house.commands.ended == []


async def test_what_outlives_its_command_and_cannot_be_ended_is_not_deployed_against(house: House) -> None:
    guard = await house.adopted()
    house.commands.outlives = "process 4711 still runs"
    command = FakeCommand()
    task = await begun(guard, command)
    await house.deploy("2")
    command.exit(1)
    assert (await task)["state"] == "failed"
    operation = (await house.ledger.operations("shop"))[0]
    assert (operation.outcome, "4711" in operation.detail) == (Outcome.REFUSED, True)
    assert await house.running() == {"backend": "shop/backend:2", "web": "shop/web:1"}


async def test_two_deployments_within_one_second_are_two(house: House) -> None:
    guard = await house.adopted()
    names = set()
    for _ in range(2):
        command = FakeCommand()
        task = await begun(guard, command)
        names.add(under_way(guard).id)
        command.exit(1)
        await task
    assert names == {d.id for d in await house.ledger.deployments("shop")}
    assert len(names) == 2


async def test_a_verdict_that_falls_while_the_command_runs_ends_it_before_anything_else(house: House) -> None:
    guard = await house.adopted()
    command = FakeCommand()
    house.stack = replace(house.stack, migrations=("migrate",))
    await guard.desk.ask(lambda: guard.reconfigure(house.tools()))
    task = await begun(guard, command)
    house.engine.put("shop", exited(1, "migrate"))
    await house.deploy("2")
    await house.handled(guard, LOOK)
    assert (await task)["state"] == "rolled back"
    assert command.calls == ["run", "end"]
    order = [e["event"] for e in house.events]
    assert order.index("deployment_failed") < order.index("command_ended") < order.index("rollback_decided")


async def test_a_second_deployment_is_refused_and_takes_nothing_from_the_first(house: House) -> None:
    guard = await house.adopted()
    first = FakeCommand()
    house.stack = replace(house.stack, migrations=("migrate",))
    await guard.desk.ask(lambda: guard.reconfigure(house.tools()))
    task = await begun(guard, first)
    with pytest.raises(Busy, match=r"shop is busy: 'deploy deploy.sh'"):
        await guard.conductor.deploy(FakeCommand(), True)
    house.engine.put("shop", exited(1, "migrate"))
    await house.deploy("2")
    await house.handled(guard, LOOK)
    assert (await task)["state"] == "rolled back"
    assert first.calls == ["run", "end"]


async def test_it_is_refused_where_what_runs_cannot_be_captured(house: House) -> None:
    await house.deploy("1")
    house.edit("2")
    guard = await house.on_guard()
    command = FakeCommand()
    with pytest.raises(Refused, match="what runs cannot be captured"):
        await guard.conductor.deploy(command, True)
    assert command.calls == []
    assert guard.watch.deployment is None
    task = await begun(guard, command, allowed=False)
    task.cancel()


async def test_it_is_refused_where_docker_does_not_answer(house: House) -> None:
    guard = await house.adopted()
    house.engine.unreachable = True
    with pytest.raises(Unreachable, match="nothing was done"):
        await guard.conductor.deploy(FakeCommand(), True)
    assert await house.ledger.deployments("shop") == ()


async def test_the_first_deployment_of_all_needs_no_backup(house: House) -> None:
    """Only what `run` left is there."""
    guard = await house.on_guard()
    house.engine.put("shop", exited(0, "setup", one_off=True))
    command = FakeCommand()
    await begun(guard, command)
    assert catalogue(house.root / "backups") == ()


async def test_no_rollback_means_none(house: House) -> None:
    guard = await house.adopted()
    command = FakeCommand()
    task = await begun(guard, command, allowed=False)
    await house.deploy("2")
    command.exit(1)
    assert (await task)["state"] == "failed"
    assert "--no-rollback" in (await house.heard("not_rolled_back"))["reason"]


async def test_what_the_command_does_is_no_deployment_of_its_own(house: House) -> None:
    """Not even what is seen between its end and the look that takes it for granted."""
    guard = await house.adopted()
    command = FakeCommand()
    await begun(guard, command)
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await house.deploy("3")
    command.exit(0)
    guard.desk.post(LOOK)
    await house.heard("command_ended")
    await house.handled(guard, LOOK)
    assert len(await house.ledger.deployments("shop")) == 1
    assert under_way(guard).kind is Kind.ANNOUNCED


async def test_a_restart_while_the_command_runs_goes_on_watching(house: House) -> None:
    """Nobody will tell how the command ended; the window begins with what is there."""
    guard = await house.adopted()
    await begun(guard, FakeCommand())
    announced = under_way(guard)
    await house.deploy("2")
    guard = await house.reborn(guard)
    assert under_way(guard).phase is Phase.MONITORING
    assert house.commands.ended == [announced.id], "its terminal is gone, so the rest goes too"
    assert (under_way(guard).id, under_way(guard).backup) == (announced.id, announced.backup)
    house.prober.script("api", Answer.BAD)
    for _ in range(12):
        house.clock.tick(timedelta(seconds=5))
        await house.handled(guard, Probed(await house.prober.probe(house.checks[0])))
    assert await house.heard("rollback_decided")
