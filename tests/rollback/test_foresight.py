"""The plan tells what each table would lose, as far as the live database alone knows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.postgres_server import Server
from tests.rollback.test_with_database import Broken, broken_deployment
from tests.rollback.world import NoServer
from watchdog.rollback.foresight import Foreseen, foresee

pytestmark = pytest.mark.engine


@pytest.fixture
async def broken(tmp_path: Path, server: Server, database: str) -> AsyncIterator[Broken]:
    world, good = await broken_deployment(tmp_path, server, database)
    yield world, good
    await world.ledger.close()


async def test_rows_written_since_and_growth_are_told_the_heaviest_loss_first(broken: Broken) -> None:
    world, _ = broken
    name = world.stack.databases[0].name
    world.clusters.server.sql(
        name, "UPDATE users SET mood = 'sad' WHERE id < 3", 'DELETE FROM sales."Order" WHERE id < 3'
    )
    assert await foresee(world.hands(), world.backup) == (
        [Foreseen(name, "public.users", 3, 1), Foreseen(name, 'sales."Order"', 0, -2)],
        [],
    )
    assert await foresee(world.hands(), None) == ([], [])


async def test_of_another_database_than_was_backed_up_only_the_growth_is_told(broken: Broken) -> None:
    """Its rows' transaction numbers are those of its restore."""
    world, _ = broken
    assert world.backup is not None
    [dump] = world.backup.dumps
    dump = replace(dump, account=replace(dump.account, origin="another one"))
    tables, _ = await foresee(world.hands(), replace(world.backup, dumps=(dump,)))
    assert tables == [Foreseen(world.stack.databases[0].name, "public.users", None, 1)]


async def test_what_cannot_be_asked_is_said_to_be_unknown(broken: Broken) -> None:
    world, _ = broken
    assert world.backup is not None
    name = world.stack.databases[0].name
    down = replace(world.hands(), clusters=NoServer())
    assert await foresee(down, world.backup) == ([], [f"{name}: service database does not run"])
    _, [scripts] = await foresee(world.hands(), replace(world.backup, dumps=()))
    assert "has no account to compare it with" in scripts
