"""A standby copy is proven before it gets its name, and is dropped by nobody but us."""

from __future__ import annotations

import pytest

from tests.database.test_restore import CLOCK, TS, dumped
from tests.postgres_server import Server, pieces
from watchdog.database import sql
from watchdog.database.names import side_name, standby_name
from watchdog.database.standby import drop_standby, stand_by, stands
from watchdog.errors import Corrupt, StepFailed

pytestmark = pytest.mark.engine


async def test_a_copy_stands_by_restored_compared_and_fenced(server: Server, database: str) -> None:
    cluster = server.cluster()
    archive, contents = await dumped(cluster, database)
    name = await stand_by(cluster, database, TS, lambda: pieces(archive), clock=CLOCK, expected=contents)
    assert name == standby_name(database, TS)
    assert await stands(cluster, database, TS)
    assert server.databases(database) == {database: True, name: False}


async def test_a_copy_that_stands_is_not_made_again(server: Server, database: str) -> None:
    cluster = server.cluster()
    archive, contents = await dumped(cluster, database)
    await stand_by(cluster, database, TS, lambda: pieces(archive), clock=CLOCK, expected=contents)
    await stand_by(cluster, database, TS, lambda: pieces(b"never read"), clock=CLOCK, expected=contents)


async def test_a_copy_that_somebody_opened_is_made_again(server: Server, database: str) -> None:
    cluster = server.cluster()
    archive, contents = await dumped(cluster, database)
    name = await stand_by(cluster, database, TS, lambda: pieces(archive), clock=CLOCK, expected=contents)
    server.sql("postgres", sql.allow_connections(name, True))
    server.sql(name, 'DELETE FROM sales."Order"')
    assert not await stands(cluster, database, TS)
    await stand_by(cluster, database, TS, lambda: pieces(archive), clock=CLOCK, expected=contents)
    server.sql("postgres", sql.allow_connections(name, True))
    assert server.sql(name, 'SELECT count(*) > 0 FROM sales."Order"') == [(True,)]


async def test_what_is_not_the_backup_never_stands_by(server: Server, database: str) -> None:
    cluster = server.cluster()
    archive, contents = await dumped(cluster, database)
    flipped = archive.replace(b"77@example.com", b"76@fxample.com", 1)
    with pytest.raises(Corrupt):
        await stand_by(cluster, database, TS, lambda: pieces(flipped), clock=CLOCK, expected=contents)
    assert not await stands(cluster, database, TS)


async def test_a_try_that_fails_leaves_nothing(server: Server, database: str) -> None:
    cluster = server.cluster()
    archive, contents = await dumped(cluster, database)
    with pytest.raises((Corrupt, StepFailed)):
        await stand_by(cluster, database, TS, lambda: pieces(archive[:5000]), clock=CLOCK, expected=contents)
    assert server.databases(database) == {database: True}


async def test_what_a_killed_try_left_is_replaced(server: Server, database: str) -> None:
    cluster = server.cluster()
    archive, contents = await dumped(cluster, database)
    server.sql("postgres", f'CREATE DATABASE "{side_name(database, TS)}"')
    name = await stand_by(cluster, database, TS, lambda: pieces(archive), clock=CLOCK, expected=contents)
    assert server.databases(database) == {database: True, name: False}


async def test_dropping_a_copy_leaves_the_live_database(server: Server, database: str) -> None:
    cluster = server.cluster()
    archive, contents = await dumped(cluster, database)
    await stand_by(cluster, database, TS, lambda: pieces(archive), clock=CLOCK, expected=contents)
    await drop_standby(cluster, database, TS, CLOCK)
    await drop_standby(cluster, database, TS, CLOCK)
    assert server.databases(database) == {database: True}
