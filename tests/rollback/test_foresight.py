"""The plan tells what each table would lose, as far as the live database alone knows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.postgres_server import Server
from tests.rollback.test_with_database import Broken, broken_deployment
from tests.rollback.world import NoServer
from watchdog.rollback.foresight import NO_MOMENT, REPLACED_SINCE, Foreseen, foresee

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


@pytest.mark.parametrize(
    ("account", "doubt"),
    [({"origin": "another one"}, REPLACED_SINCE), ({"origin": "", "snapshot": ""}, NO_MOMENT)],
)
async def test_where_rows_do_not_tell_their_age_only_growth_is_told_and_that_it_is_not_all(
    broken: Broken, account: dict[str, Any], doubt: str
) -> None:
    """Those of a restored copy are all as young as it is; a script's dump has no moment to compare with."""
    world, _ = broken
    assert world.backup is not None
    name = world.stack.databases[0].name
    [dump] = world.backup.dumps
    dump = replace(dump, account=replace(dump.account, **account))
    found = await foresee(world.hands(), replace(world.backup, dumps=(dump,)))
    assert found == ([Foreseen(name, "public.users", None, 1)], [f"{name}: {doubt}"])


async def test_what_cannot_be_asked_is_said_to_be_unknown(broken: Broken) -> None:
    world, _ = broken
    assert world.backup is not None
    name = world.stack.databases[0].name
    down = replace(world.hands(), clusters=NoServer())
    assert await foresee(down, world.backup) == ([], [f"{name}: service database does not run"])
    _, [scripts] = await foresee(world.hands(), replace(world.backup, dumps=()))
    assert "has no account to compare it with" in scripts
