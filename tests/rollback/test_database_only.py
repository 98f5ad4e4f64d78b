"""The database goes back alone: the same containers run again, whether they were captured or not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.postgres_server import Server
from tests.rollback.test_with_database import (
    BACKED_UP,
    LATER,
    Broken,
    DatabaseWorld,
    Death,
    WatchedClusters,
    broken_deployment,
    displaced,
    expect_something_else,
)
from tests.rollback.world import undisturbed
from watchdog.errors import StepFailed
from watchdog.rollback import operate
from watchdog.rollback.operation import Operation, Outcome
from watchdog.rollback.target import Target, as_it_runs
from watchdog.stack import Release

pytestmark = pytest.mark.engine
STEPS = ["preflight", "stop_services", "restore_database", "reopen_services", "verify_health"]


async def restored(world: DatabaseWorld) -> Operation:
    request = operate.Request(
        Target(await uncaptured(world), world.backup),
        "database only",
        "user alice (uid 1000)",
        ("wanted by alice",),
    )
    return await operate.begin(request, world.hands(), world.ledger, world.tell, world.wake)


async def uncaptured(world: DatabaseWorld) -> Release:
    return as_it_runs(world.stack, await world.containers(), world.clock.now())


@pytest.fixture
async def running(tmp_path: Path, server: Server, database: str) -> AsyncIterator[Broken]:
    """Version 2 runs, and nobody knows its files any more."""
    world, good = await broken_deployment(tmp_path, server, database)
    world.compose.write_text("services: [edited, and no longer what runs")
    yield world, good
    await world.ledger.close()


async def require_only_the_database_back(world: DatabaseWorld, ids: set[str]) -> None:
    assert world.users() == {BACKED_UP}
    assert {c.id for c in await world.containers()} == ids, "the same containers"
    assert set(await world.running()) == {"backend", "web", "worker"}
    assert {c.service: c.restart_policy for c in await world.containers()}["backend"] == "always"
    server, name = world.clusters.server, world.stack.databases[0].name
    former = await displaced(world)
    assert server.databases(name)[name] is True
    assert server.sql(former, f"SELECT count(*) FROM users WHERE email = '{LATER}'") == [(1,)]


async def test_the_rows_go_back_and_the_same_containers_run_again(running: Broken) -> None:
    world, _ = running
    before, ids = world.compose.read_bytes(), {c.id for c in await world.containers()}
    operation = await restored(world)
    assert (operation.outcome, operation.detail) == (Outcome.SUCCEEDED, "")
    assert world.begun == STEPS
    await require_only_the_database_back(world, ids)
    assert world.compose.read_bytes() == before
    assert await world.ledger.newest_release("shop", operation.target_fingerprint) is None, (
        "what was never captured must not pass for captured"
    )


async def test_a_failure_before_the_swap_starts_what_ran_over_the_data_that_it_had(running: Broken) -> None:
    world, _ = running
    expect_something_else(world)
    operation = await restored(world)
    assert operation.outcome is Outcome.ABORTED
    assert set(await world.running()) == {"backend", "web", "worker"}
    assert world.users() == {BACKED_UP, LATER}


async def test_one_that_is_held_after_its_swap_names_how_to_start_what_stopped(running: Broken) -> None:
    world, _ = running

    async def refuse(at: str) -> None:
        if at == "start":
            raise StepFailed("no")

    world.let(refuse)
    operation = await restored(world)
    assert (operation.outcome, operation.detail) == (Outcome.HELD, "reopen_services failed: no")
    text = (await world.ledger.pending_alerts())[-1].text
    assert "To go on: docker compose --project-name shop start" in text


async def test_one_after_a_held_one_starts_what_that_had_stopped(running: Broken) -> None:
    world, _ = running
    ids = {c.id for c in await world.containers()}

    async def refuse(at: str) -> None:
        if at == "start":
            raise StepFailed("no")

    world.let(refuse)
    assert (await restored(world)).outcome is Outcome.HELD
    assert not await world.running()
    world.let(undisturbed)
    assert (await restored(world)).outcome is Outcome.SUCCEEDED
    assert {c.id for c in await world.containers()} == ids, "the same containers"
    assert set(await world.running()) == {"backend", "web", "worker"}
    assert {c.service: c.restart_policy for c in await world.containers()}["backend"] == "always"
    assert world.users() == {BACKED_UP}


@pytest.mark.long
@pytest.mark.parametrize(
    ("at", "time"), [*(("cluster", n) for n in (1, 2, 4)), ("stop", 0), ("start", 0), ("probe", 0)]
)
async def test_wherever_it_dies_the_next_process_finishes_it(running: Broken, at: str, time: int) -> None:
    world, left = running[0], time
    ids = {c.id for c in await world.containers()}

    async def die(place: str) -> None:
        nonlocal left
        left -= place == at
        if left < 0:
            raise Death

    world.let(die)
    world.clusters.touch = die
    with pytest.raises(Death):
        await restored(world)
    following = world.reborn()
    following.clusters = WatchedClusters(world.clusters.server)
    ended = await following.resume(await uncaptured(following))
    if ended is not None:  # the last visit comes after the end was written
        assert (ended.outcome, ended.detail) == (Outcome.SUCCEEDED, "")
        await require_only_the_database_back(following, ids)
    await following.ledger.close()
