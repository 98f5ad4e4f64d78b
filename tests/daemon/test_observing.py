"""Deployments that nobody announced: containers of another making appear."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.daemon.house import LOOK, House
from tests.fakes import settle
from tests.stack.samples import container
from watchdog.daemon.guard import Guard
from watchdog.daemon.messages import Hint
from watchdog.deploy.deployment import Deployment, Kind, Phase
from watchdog.health.check import Answer
from watchdog.stack import Container, Event

Act = Callable[[House], Awaitable[None]]


async def new_image(house: House) -> None:
    house.engine.images["shop/backend:1"] = "sha256:rebuilt"
    await house.up()


async def new_definition(house: House) -> None:
    house.env.write_text("DEBUG=1\n")
    await house.up()


async def new_service(house: House) -> None:
    await house.deploy("1", worker="shop/worker:1")


async def stopped(house: House) -> None:
    await house.engine.stop(await house.containers())


async def restarted(house: House) -> None:
    await stopped(house)
    await house.engine.start(await house.containers())


async def removed(house: House) -> None:
    for each in await house.containers():
        house.engine.remove(each.id)


async def made_anew(house: House) -> None:
    await removed(house)
    await house.up()


async def scaled(house: House) -> None:
    first = (await house.containers())[0]
    house.engine.put("shop", container(id="backend-second", **_fields(first)))


async def run_once(house: House) -> None:
    house.engine.put("shop", container("backend", id="shell", image_id="sha256:any", one_off=True))


def _fields(of: Container) -> dict[str, Any]:
    return {name: getattr(of, name) for name in ("service", "image", "image_id", "config_hash")}


async def noticed(house: House, guard: Guard) -> Deployment:
    await house.handled(guard, LOOK)
    assert guard.watch.deployment is not None
    return guard.watch.deployment


@pytest.mark.parametrize("act", [new_image, new_definition, new_service])
async def test_what_is_made_of_something_else_is_a_deployment(house: House, act: Act) -> None:
    guard = await house.adopted()
    good, before = guard.watch.good, await house.containers()
    await act(house)
    deployment = await noticed(house, guard)
    assert (deployment.kind, deployment.phase) == (Kind.OBSERVED, Phase.MONITORING)
    assert good is not None
    assert deployment.target_release == good.id
    assert deployment.expected == {"backend", "web"}
    assert set(deployment.baseline) == {c.id for c in before}
    assert await house.newest_deployment() == deployment


@pytest.mark.parametrize("act", [stopped, restarted, removed, made_anew, scaled, run_once])
async def test_the_same_thing_again_is_none(house: House, act: Act) -> None:
    guard = await house.adopted()
    await act(house)
    await house.handled(guard, LOOK)
    assert guard.watch.deployment is None
    assert await house.ledger.deployments("shop") == ()


async def test_a_burst_of_changes_is_one_window(house: House) -> None:
    guard = await house.adopted()
    baseline = {c.id for c in await house.containers()}
    await house.deploy("2")
    first = await noticed(house, guard)
    await house.live(guard, 10)
    await house.deploy("2", worker="shop/worker:1")
    second = await noticed(house, guard)
    assert (second.id, set(second.baseline)) == (first.id, baseline)
    assert second.command_ended_at == house.clock.now()
    assert len(await house.ledger.deployments("shop")) == 1


async def test_a_second_deployment_supersedes_the_first_and_keeps_its_target(house: House) -> None:
    guard = await house.adopted()
    await house.deploy("2")
    first = await noticed(house, guard)
    await house.live(guard, 60)
    await house.deploy("3")
    second = await noticed(house, guard)
    assert second.id != first.id
    assert (second.target_release, second.expected) == (first.target_release, first.expected)
    superseded = await house.ledger.deployment(first.id)
    assert superseded is not None
    assert (superseded.phase, superseded.ended_at) == (Phase.SUPERSEDED, house.clock.now())


async def test_a_clock_set_back_takes_no_deployments_name_from_it(house: House) -> None:
    guard = await house.adopted()
    await house.deploy("2")
    first = await noticed(house, guard)
    await house.live(guard, 60)
    house.clock.jump(first.started_at - house.clock.now())
    await house.deploy("3")
    second = await noticed(house, guard)
    assert second.started_at == first.started_at
    assert {d.id for d in await house.ledger.deployments("shop")} == {first.id, second.id}
    assert second.id != first.id


async def test_what_the_first_broke_is_no_excuse_for_the_second(house: House) -> None:
    guard = await house.adopted()
    await house.deploy("2")
    await house.live(guard, 60)
    house.prober.script("api", Answer.BAD)
    await house.live(guard, 10)
    await house.deploy("3")
    await house.live(guard, 10)
    assert (await noticed(house, guard)).baseline_red == frozenset()
    await house.live(guard, 60)
    assert await house.heard("rollback_decided")


async def test_what_was_red_before_does_not_fail_it_but_makes_it_no_target(house: House) -> None:
    guard = await house.adopted()
    house.prober.script("api", Answer.BAD)
    await house.live(guard, 15)
    await house.deploy("2")
    assert (await noticed(house, guard)).baseline_red == {"api"}
    await house.live(guard, 700)
    assert (await house.newest_deployment()).phase is Phase.GOOD
    assert guard.watch.good is None
    assert await house.ledger.operations("shop") == ()


async def test_what_turned_red_because_the_stack_was_taken_down_decides(house: House) -> None:
    """Down, a pull of a minute, and up: the new release has to turn it green."""
    guard = await house.adopted()
    await removed(house)
    house.prober.script("api", Answer.BAD)
    await house.live(guard, 60)
    await house.deploy("2")
    assert (await noticed(house, guard)).baseline_red == frozenset()
    await house.live(guard, 60)
    assert await house.heard("rollback_decided")


async def test_a_change_during_a_backup_is_noticed_with_what_was_there_before(house: House) -> None:
    guard = await house.adopted()
    before = {c.id for c in await house.containers()}
    backup = asyncio.create_task(guard.desk.work.run("backup", house.at_work()))
    await settle()
    await house.deploy("2")
    assert set((await noticed(house, guard)).baseline) == before
    house.work_done.set()
    await backup


async def test_what_mends_a_failed_deployment_before_anything_was_done_is_judged_by_itself(
    house: House,
) -> None:
    """A rollback waits for the end of a backup; meanwhile somebody deploys the mended version."""
    guard = await house.adopted()
    await house.deploy("2")
    await noticed(house, guard)
    backup = asyncio.create_task(guard.desk.work.run("backup", house.at_work()))
    await settle()
    house.prober.script("api", Answer.BAD)
    await house.live(guard, 60)
    failed = await house.newest_deployment()
    assert failed.phase is Phase.FAILED
    house.prober.script("api", Answer.OK)
    await house.deploy("3")
    await house.live(guard, 40)
    house.work_done.set()
    await backup
    await house.live(guard, 10)
    assert house.told("rollback_decided") == []
    superseded = await house.ledger.deployment(failed.id)
    assert superseded is not None
    assert superseded.phase is Phase.SUPERSEDED
    assert house.told("deployment_healthy")


async def test_a_deployment_made_while_the_daemon_was_away_is_noticed_at_its_start(house: House) -> None:
    """A service that a person had stopped long ago is not expected to run afterwards."""
    house.edit("1", worker="shop/worker:1")
    guard = await house.adopted("1")
    await house.deploy("1", worker="shop/worker:1")
    await house.live(guard, 660)
    worker = next(c for c in await house.containers() if c.service == "worker")
    await house.engine.stop([worker])
    await house.go_home(guard)
    await house.deploy("2")
    guard = await house.on_guard()
    assert guard.watch.deployment is not None
    assert guard.watch.deployment.expected == {"web"}
    await house.live(guard, 660)
    assert (await house.newest_deployment()).phase is Phase.GOOD


async def test_somebodys_stop_is_remembered_until_the_container_starts_again(house: House) -> None:
    guard = await house.adopted()
    backend = (await house.containers())[0].id
    await house.handled(guard, Hint(Event("kill", container=backend)))
    assert guard.watch.stopped == {backend}
    await house.handled(guard, Hint(Event("start", container=backend)))
    assert guard.watch.stopped == set()
