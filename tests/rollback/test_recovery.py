"""The database's own service comes back first, and a database that is gone is made again."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.postgres_server import Server
from tests.rollback.test_with_database import (
    BACKED_UP,
    LATER,
    Broken,
    Death,
    WatchedClusters,
    broken_deployment,
    expect_something_else,
    require_all_back,
)
from tests.stack.samples import container, release
from watchdog.errors import Unreachable
from watchdog.rollback.operation import Outcome
from watchdog.rollback.plan import fitting
from watchdog.rollback.report import displaced
from watchdog.rollback.steps.recover import needs_recovery
from watchdog.stack import Container, Database, Stack

STACK = Stack("shop", "shop", Path("/srv"), (), databases=(Database("database", "shop", "shop"),))
TARGET = release("1", "backend", "database")
PLAN = "full after recovery"
STEPS = [
    "preflight",
    "stop_services",
    "revert_compose",
    "pull_images",
    "recover_database_service",
    "restore_database",
    "restart_services",
    "verify_health",
]


@pytest.mark.parametrize(
    ("found", "needed"),
    [
        ([container("database")], False),
        ([container("database"), container("backend", state="exited", image_id="sha256:x")], False),
        ([], True),
        ([container("database", state="exited")], True),
        ([container("database", state="restarting")], True),
        ([container("database", image_id="sha256:database-2")], True),
        ([container("database", config_hash="database-2")], True),
        ([container("database", one_off=True)], True),
    ],
)
def test_the_service_comes_first_where_it_does_not_run_as_the_target_had_it(
    found: list[Container], needed: bool
) -> None:
    assert needs_recovery(STACK, found, TARGET) is needed
    assert fitting("full", STACK, found, TARGET) == (PLAN if needed else "full")
    assert fitting("database only", STACK, found, TARGET) == "database only"


def test_what_the_target_did_not_have_or_had_stopped_need_not_be_recovered() -> None:
    assert not needs_recovery(STACK, [], release("1", "backend"))
    stopped = replace(TARGET, services=tuple(replace(s, running=False) for s in TARGET.services))
    assert not needs_recovery(STACK, [], stopped)


@pytest.fixture
async def broken(tmp_path: Path, server: Server, database: str) -> AsyncIterator[Broken]:
    world, good = await broken_deployment(tmp_path, server, database)
    yield world, good
    await world.ledger.close()


@pytest.mark.engine
async def test_files_and_images_come_before_the_service_and_the_database_after_it(broken: Broken) -> None:
    """The service needs some tries until it answers."""
    world, good = broken
    silent = 2

    async def starting(_: str) -> None:
        nonlocal silent
        if world.begun[-1:] == ["recover_database_service"] and silent:
            silent -= 1
            raise Unreachable("starting up")

    world.clusters.touch = starting
    operation = await world.roll_back(good, PLAN)
    assert (operation.outcome, operation.detail, silent) == (Outcome.SUCCEEDED, "", 0)
    assert world.begun == STEPS
    await require_all_back(world, good)


@pytest.mark.engine
async def test_a_restore_that_fails_then_is_held_and_nothing_is_started(broken: Broken) -> None:
    """Files and images are the older ones already: what ran before must not run over them."""
    world, good = broken
    expect_something_else(world)
    operation = await world.roll_back(good, PLAN)
    assert operation.outcome is Outcome.HELD
    assert operation.detail.startswith("restore_database failed: ")
    assert await world.running() == {}
    assert world.users() == {BACKED_UP, LATER}


@pytest.mark.engine
async def test_a_database_that_is_gone_is_made_again_and_an_empty_one_is_displaced(
    broken: Broken, server: Server
) -> None:
    world, good = broken
    name = world.stack.databases[0].name
    server.drop(name)
    operation = await world.roll_back(good)
    assert (operation.outcome, operation.detail) == (Outcome.SUCCEEDED, "")
    assert world.users() == {BACKED_UP}
    [empty] = displaced(await world.ledger.steps(operation.id)).values()
    assert server.sql(empty, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    comments = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = "
    assert server.sql("postgres", f"{comments}'{name}'") == [(None,)]
    [step] = [s for s in await world.ledger.steps(operation.id) if s.step == "restore_database"]
    assert step.facts["placeholders"] == [name]
    told = (await world.ledger.pending_alerts())[-1].text
    assert f"Database {name} did not exist any more: what was displaced is empty." in told


@pytest.mark.long
@pytest.mark.engine
@pytest.mark.parametrize(
    ("at", "time"), [*(("cluster", n) for n in (0, 2, 4, 6)), ("config_hashes", 0), ("tag", 0), ("up", 0)]
)
@pytest.mark.parametrize("gone", [False, True])
async def test_wherever_it_dies_the_next_process_finishes_it(
    broken: Broken, server: Server, at: str, time: int, gone: bool
) -> None:
    world, good = broken
    name, left = world.stack.databases[0].name, time
    if gone:
        server.drop(name)

    async def die(place: str) -> None:
        nonlocal left
        left -= place == at
        if left < 0:
            raise Death

    world.let(die)
    world.clusters.touch = die
    with contextlib.suppress(Death):
        await world.roll_back(good, PLAN)
        pytest.fail("it lived")
    following = world.reborn()
    following.clusters = WatchedClusters(server)
    ended = await following.resume(good)
    assert ended is not None
    assert (ended.outcome, ended.detail) == (Outcome.SUCCEEDED, "")
    assert following.users() == {BACKED_UP}
    assert server.databases(name)[name] is True
    assert len(server.databases(name)) == 2
    [step] = [s for s in await following.ledger.steps(ended.id) if s.step == "restore_database"]
    assert step.facts["placeholders"] == ([name] if gone else []), "no undo brings the empty one back"
    assert await following.release() == good
    await following.ledger.close()
