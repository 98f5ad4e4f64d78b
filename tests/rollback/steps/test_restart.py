"""What starts, and when the database is opened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.rollback.samples import backup, operation
from tests.rollback.world import NoServer, World
from watchdog.database.ports import Cluster
from watchdog.errors import Unreachable
from watchdog.rollback.run import Run
from watchdog.rollback.steps.preflight import preflight
from watchdog.rollback.steps.restart import restart_services
from watchdog.stack import Database, Release

Broken = tuple[World, Release]


async def run_of(world: World, target: Release) -> Run:
    run = Run(world.hands(), operation(), target, None, {})
    return replace(run, facts={"preflight": await preflight(run)})


async def test_a_release_of_stopped_services_starts_nothing(broken: Broken) -> None:
    """`up` without names would start everything."""
    world, good = broken
    target = replace(good, services=tuple(replace(s, running=False) for s in good.services))
    run = await run_of(world, target)
    world.orchestrator.calls.clear()
    assert await restart_services(run) == {"started": []}
    assert world.orchestrator.calls == []


async def test_a_service_gets_as_many_containers_as_it_had(broken: Broken) -> None:
    """Compose knows the files' number only, and would remove what a person had added by --scale."""
    world, good = broken
    target = replace(good, services=tuple(replace(s, replicas=2) for s in good.services))
    run = await run_of(world, target)
    world.orchestrator.calls.clear()
    await restart_services(run)
    (up,) = (call for call in world.orchestrator.calls if call[0] == "up")
    assert [word for word in up if "=" in str(word)] == [f"{s.service}=2" for s in good.services]


class Asked(NoServer):
    """Remembers what had been started whenever it is asked."""

    def __init__(self, world: World) -> None:
        self.world, self.started = world, list[bool]()

    async def of(self, database: Database, operation: str = "") -> Cluster:
        self.started.append(bool(self.world.orchestrator.calls))
        return await super().of(database, operation)


@pytest.mark.parametrize(("restores", "asked"), [(True, [False]), (False, [False, True])])
async def test_a_database_that_was_kept_may_be_started_with_the_services(
    broken: Broken, restores: bool, asked: list[bool]
) -> None:
    """A restored one is fenced, and nothing starts before it is open."""
    world, good = broken
    run = await run_of(world, good)
    world.orchestrator.calls.clear()
    world.stack = replace(world.stack, databases=(Database("database", "shop", "shop"),))
    clusters = Asked(world)
    run = replace(run, hands=replace(world.hands(), clusters=clusters), backup=backup() if restores else None)
    with pytest.raises(Unreachable):
        await restart_services(run)
    assert clusters.started == asked
