"""A stack whose database lies on a server outside is rolled back like any other, or refused with a reason."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.postgres_server import PASSWORD, Server
from tests.rollback.samples import operation
from tests.rollback.test_with_database import (
    Broken,
    DatabaseWorld,
    WatchedClusters,
    broken_deployment,
    require_all_back,
)
from watchdog.database.demands import Demands
from watchdog.database.ports import Cluster
from watchdog.rollback.operation import Outcome
from watchdog.rollback.run import Run
from watchdog.rollback.way_out import open_command
from watchdog.stack import Database

pytestmark = pytest.mark.engine
GIBIBYTE = 1024**3


class OutsideClusters(WatchedClusters):
    """The test's server, reached as the stack declares it, with the tools of this host."""

    async def of(self, database: Database, operation: str = "") -> Cluster:
        return self.server.outside(
            database.name, operation, database.password_file, free_space=database.free_space
        )


def declare(world: DatabaseWorld, free_space: int | None) -> None:
    password = world.root / "password"
    password.write_text(f"{PASSWORD}\n")
    server, [database] = world.clusters.server, world.stack.databases
    outside = replace(
        database,
        service=None,
        host=server.container.addresses[0],
        password_file=password,
        free_space=free_space,
    )
    world.stack = replace(world.stack, databases=(outside,))


def test_the_way_out_of_a_fence_is_named_for_that_server() -> None:
    database = Database(None, "it's", "shop", host="db.internal", port=5433)
    run = Run(None, operation(), None, None, {})  # type: ignore[arg-type]
    statement = 'ALTER DATABASE "it\'s" ALLOW_CONNECTIONS true'
    psql = ["psql", "-h", "db.internal", "-p", "5433", "-U", "shop", "-d", "postgres", "-c", statement]
    assert open_command(run, database) == shlex.join(psql)


@pytest.fixture
async def broken(tmp_path: Path, server: Server, database: str) -> AsyncIterator[Broken]:
    world, good = await broken_deployment(tmp_path, server, database)
    world.clusters = OutsideClusters(server)
    declare(world, GIBIBYTE)
    yield world, good
    await world.ledger.close()


async def refused(broken: Broken) -> str:
    """Why, with nothing touched."""
    world, good = broken
    before = await world.release()
    done = await world.roll_back(good)
    assert done.outcome is Outcome.REFUSED
    assert await world.release() == before
    assert world.engine.calls == []
    [database] = world.stack.databases
    assert world.clusters.server.databases(database.name) == {database.name: True}
    return done.detail


async def test_database_images_and_files_go_back_together(broken: Broken) -> None:
    world, good = broken
    done = await world.roll_back(good)
    assert (done.outcome, done.detail) == (Outcome.SUCCEEDED, "")
    await require_all_back(world, good)


async def test_a_server_whose_room_nobody_declared_is_refused(broken: Broken) -> None:
    declare(broken[0], None)
    assert "cannot be seen from here; declare it in the configuration" in await refused(broken)


async def test_a_server_with_too_little_room_is_refused(broken: Broken) -> None:
    declare(broken[0], 1024**2)
    assert "the server has 1 MiB free" in await refused(broken)


async def test_an_extension_that_the_server_lost_is_refused_before_anything_stops(broken: Broken) -> None:
    world, _ = broken
    assert world.backup is not None
    [dump] = world.backup.dumps
    assert dump.account.demands["owners"] == ["shop"]
    demands = asdict(Demands(extensions=(("postgis", "3.3.2"),)))
    dumps = (replace(dump, account=replace(dump.account, demands=demands)),)
    world.backup = replace(world.backup, dumps=dumps)
    assert "the server no longer offers extension postgis" in await refused(broken)
