"""What depends on PostgreSQL's major version, on each of them: the whole way there and back."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import replace

import psycopg
import pytest
from demo.versions import POSTGRES as DEMO

from tests.database.test_restore import dumped, server_dump
from tests.postgres_server import Server, each_major, pieces, start
from watchdog.clock import SystemClock
from watchdog.database import (
    Swap,
    displaced_name,
    inspect,
    open_read_only,
    read_properties,
    restore_beside,
    schema_fingerprint,
    side_name,
    swap,
    unfence,
)
from watchdog.database.contents import server_version
from watchdog.errors import Corrupt

pytestmark = [pytest.mark.engine, each_major]
CLOCK = SystemClock()
TS = "20261120_090000"


async def fingerprint(server: Server, database: str) -> str:
    async with server.cluster().connect(database) as session:
        return await schema_fingerprint(session)


async def test_a_dump_comes_back_equal_and_takes_the_live_ones_place(server: Server, database: str) -> None:
    cluster = server.cluster()
    pair = Swap(database, side_name(database, TS), displaced_name(database, TS))
    archive, contents = await dumped(cluster, database)
    schema = await fingerprint(server, database)
    server.sql(database, "DROP TABLE measures", "INSERT INTO users (email) VALUES ('later@example.com')")
    await restore_beside(
        cluster, database, pair.side, lambda: pieces(archive), clock=CLOCK, expected=contents
    )
    with server.connect(database) as idle, server.connect(database) as busy:
        idle.execute("BEGIN")
        idle.execute("SELECT * FROM users LIMIT 1")
        query = asyncio.create_task(asyncio.to_thread(busy.execute, "SELECT pg_sleep(60)"))
        await swap(cluster, [pair], CLOCK)
        with pytest.raises(psycopg.OperationalError):
            await query
        with pytest.raises(psycopg.OperationalError):
            idle.execute("SELECT 1")
    assert server.databases(database) == {pair.live: False, pair.displaced: False}
    await unfence(cluster, [pair.live])
    assert await fingerprint(server, database) == schema
    assert server.sql(database, "SELECT count(*) FROM users") == [(1000,)]
    await open_read_only(cluster, pair.displaced)
    assert server.sql(pair.displaced, "SELECT count(*) FROM users") == [(1001,)]
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        server.sql(pair.displaced, "DELETE FROM users")


async def test_a_changed_row_is_noticed(server: Server, database: str) -> None:
    archive, contents = await dumped(server.cluster(), database)
    flipped = archive.replace(b"77@example.com", b"76@fxample.com", 1)
    with pytest.raises(Corrupt, match=r"public\.users: same number of rows, other content"):
        await restore_beside(
            server.cluster(),
            database,
            side_name(database, TS),
            lambda: pieces(flipped),
            clock=CLOCK,
            expected=contents,
        )


async def test_a_plain_dump_of_this_version_is_restored(server: Server, database: str) -> None:
    """Of late every one of them begins with `\\restrict`, which psql must know."""
    _, contents = await dumped(server.cluster(), database)
    plain = await server_dump(server, database)
    side = side_name(database, TS)
    await restore_beside(
        server.cluster(),
        database,
        side,
        lambda: pieces(plain),
        clock=CLOCK,
        fmt="plain",
        expected=contents,
    )
    assert server.databases(database) == {database: True, side: False}


def collations(major: int) -> dict[str, str]:
    """What a database may be created with, by provider as in the catalog."""
    known = {"c": "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"}
    if major >= 15:
        known["i"] = "LOCALE_PROVIDER icu ICU_LOCALE 'de-AT' LOCALE 'C.UTF-8'"
    if major >= 16:
        known["i"] += " ICU_RULES '&a < g'"
    if major >= 17:
        known["b"] = "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
    return known


async def test_a_copy_sorts_as_the_original_does(server: Server, database: str) -> None:
    cluster = server.cluster()
    for provider, options in collations(server.major).items():
        live = f"{database}_{provider}"
        side = side_name(live, TS)
        server.sql("postgres", f"CREATE DATABASE {live} TEMPLATE template0 {options}")
        archive, contents = await dumped(cluster, live)
        async with cluster.connect("postgres") as session:
            before = await read_properties(session, live)
        server.drop(live)
        dump = functools.partial(pieces, archive)
        await restore_beside(cluster, live, side, dump, clock=CLOCK, expected=contents, saved=before)
        async with cluster.connect("postgres") as session:
            assert before is not None
            assert (before.provider, before.icu_rules is not None) == (provider, "RULES" in options)
            assert await read_properties(session, side) == before


async def test_facts_know_the_version_and_what_a_superuser_may(server: Server, database: str) -> None:
    with server.connect(database):
        facts = await inspect(server.cluster(), database)
    assert facts is not None
    assert facts.server_version // 10000 == server.major
    assert facts.rights.superuser
    assert facts.superuser_sessions == 1


async def test_a_backup_of_another_version_is_compared_by_its_counts(server: Server, database: str) -> None:
    if server.major == DEMO:
        return
    elsewhere = start(DEMO)
    archive, contents = await dumped(elsewhere.cluster(), "shop")
    other = replace(contents, tables={n: replace(t, hash="1") for n, t in contents.tables.items()})
    side = side_name(database, TS)
    arguments = (server.cluster(), database, side, lambda: pieces(archive))
    await restore_beside(*arguments, clock=CLOCK, expected=other)
    async with server.cluster().connect("postgres") as session:
        assert await server_version(session) != contents.server_version
