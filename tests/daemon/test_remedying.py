"""Restarts what its own health check calls unhealthy: where asked for, seldom, and never beside anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.daemon.house import LOOK, House
from tests.fakes import FakeEngine
from watchdog.daemon.guard import Guard
from watchdog.daemon.tools import Tools
from watchdog.errors import StepFailed
from watchdog.health.remedy import OnUnhealthy
from watchdog.rollback.operation import Operation, Outcome
from watchdog.rollback.suspension import Suspends, Suspension
from watchdog.stack import Health

BACKEND = OnUnhealthy(frozenset({"backend"}))
MINUTE = timedelta(minutes=1)


def asked_for(house: House, policy: OnUnhealthy) -> None:
    make = house.tools

    def tools() -> Tools:
        made = make()
        return replace(made, settings=replace(made.settings, on_unhealthy=policy))

    house.tools = tools  # type: ignore[method-assign]


async def guarded(house: House, policy: OnUnhealthy = BACKEND) -> Guard:
    asked_for(house, policy)
    return await house.adopted()


async def unhealthy(house: House, guard: Guard, health: Health = Health.UNHEALTHY) -> None:
    house.engine.change("backend-1", health=health)
    await look(house, guard)


async def look(house: House, guard: Guard) -> None:
    house.clock.tick(timedelta(seconds=1))
    await house.handled(guard, LOOK)
    await guard.desk.work.at_rest()
    await house.handled(guard)


def restarts(house: House) -> list[object]:
    return [call[1] for call in house.engine.calls if call[0] == "restart"]


async def test_an_unhealthy_container_is_restarted_audited_and_told(house: House) -> None:
    guard = await guarded(house)
    await unhealthy(house, guard)
    assert restarts(house) == ["backend-1"]
    (told,) = [a for a in await house.alerts() if "service" in a.title]
    assert (told.title, "restart 1 of 3" in told.text) == ("service backend is restarted", True)
    assert [(a.actor, a.detail) for a in await house.ledger.audits("shop")] == [("automatic", "backend")]
    story = [line.text for line in await house.ledger.noted("shop") if line.kind == "decision"]
    assert story == ["backend is unhealthy and is restarted (1 of 3)"]
    assert [c.health for c in guard.watch.containers] == [Health.STARTING, Health.NONE]


async def test_our_own_restart_is_neither_a_deployment_nor_a_crash(house: House) -> None:
    guard = await guarded(house)
    await unhealthy(house, guard)
    house.engine.change("backend-1", health=Health.HEALTHY)
    await house.live(guard, 120)
    assert await house.ledger.deployments("shop") == ()
    assert [title for title in await house.titles() if "trouble" in title] == []


@pytest.mark.parametrize("policy", [OnUnhealthy(), OnUnhealthy(frozenset({"web"}))])
async def test_nobody_is_restarted_who_was_not_named(house: House, policy: OnUnhealthy) -> None:
    guard = await guarded(house, policy)
    await unhealthy(house, guard)
    assert restarts(house) == []


@pytest.mark.parametrize("health", [Health.STARTING, Health.HEALTHY, Health.NONE])
async def test_only_what_its_own_health_check_calls_unhealthy_is_restarted(
    house: House, health: Health
) -> None:
    guard = await guarded(house)
    await unhealthy(house, guard, health)
    await house.end("backend", 1)
    await look(house, guard)
    assert restarts(house) == []


async def test_three_restarts_then_it_is_given_up_once_until_it_was_healthy(house: House) -> None:
    guard = await guarded(house)
    for minutes in (0, 5, 15, 15, 1, 120):
        house.clock.tick(minutes * MINUTE)
        await unhealthy(house, guard)
    assert len(restarts(house)) == 3
    assert (await house.titles()).count("service backend stays unhealthy") == 1
    await unhealthy(house, guard, Health.HEALTHY)
    await unhealthy(house, guard)
    assert len(restarts(house)) == 4


async def test_the_bounds_outlive_the_process(house: House) -> None:
    guard = await guarded(house)
    for minutes in (0, 5, 15, 15):
        house.clock.tick(minutes * MINUTE)
        await unhealthy(house, guard)
        guard = await house.reborn(guard)
    house.clock.tick(120 * MINUTE)
    await unhealthy(house, guard)
    assert len(restarts(house)) == 3
    assert (await house.titles()).count("service backend stays unhealthy") == 1


async def test_nothing_is_restarted_in_a_window(house: House) -> None:
    guard = await guarded(house)
    await house.deploy("2")
    await house.live(guard, 5)
    assert guard.watch.deployment is not None
    (backend,) = [c for c in await house.containers() if c.service == "backend"]
    house.engine.change(backend.id, health=Health.UNHEALTHY)
    await house.handled(guard, LOOK)
    assert restarts(house) == []


@pytest.mark.parametrize("kind", list(Suspends))
async def test_nothing_is_restarted_while_a_person_suspended_it(house: House, kind: Suspends) -> None:
    guard = await guarded(house)
    now = house.clock.now()
    await house.ledger.write(Suspension("shop", kind, now, now + 60 * MINUTE, "user root (uid 0)"))
    await unhealthy(house, guard)
    assert restarts(house) == []


async def test_nothing_is_restarted_while_a_rollback_is_held(house: House) -> None:
    guard = await guarded(house)
    now = house.clock.now()
    held = Operation("o", "shop", "full", "r", None, None, "automatic", (), now, Outcome.HELD, now)
    await house.ledger.write(held)
    await unhealthy(house, guard)
    assert restarts(house) == []


async def test_nothing_is_restarted_beside_an_operation_of_ours(house: House) -> None:
    guard = await guarded(house)
    guard.desk.work.keep(guard.desk.work.run("backup", house.at_work()))
    house.engine.change("backend-1", health=Health.UNHEALTHY)
    await house.handled(guard, LOOK)
    assert restarts(house) == []
    house.work_done.set()
    await look(house, guard)
    assert restarts(house) == ["backend-1"]


async def test_a_restart_that_fails_is_told_and_counts(house: House) -> None:
    class Stubborn(FakeEngine):
        async def restart(self, container: str) -> None:
            raise StepFailed(f"cannot restart container {container}: no such cgroup")

    stubborn = Stubborn(house.clock)
    stubborn.__dict__.update(house.engine.__dict__)
    house.engine = house.orchestrator.engine = stubborn
    guard = await guarded(house)
    await unhealthy(house, guard)
    assert (await house.alerts())[-1].title == "service backend could not be restarted"
    assert len(await house.ledger.audits("shop")) == 1
