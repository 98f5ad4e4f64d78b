"""What a database holds is counted and hashed so that its restored copy can be told from any other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from tests.postgres_server import Server, each_major, pieces
from tests.postgres_server import collected as collected_bytes
from watchdog.clock import SystemClock
from watchdog.database import restore_beside, side_name
from watchdog.database.contents import Hashes, differences, frozen, server_version
from watchdog.database.measuring import measure, survey
from watchdog.database.ports import QUICK, Session
from watchdog.errors import Corrupt
from watchdog.stack import Contents, TableCount

pytestmark = pytest.mark.engine
CLOCK = SystemClock()
TS = "20261120_090000"
LARGE = (
    "CREATE TABLE keyed (id int PRIMARY KEY, body text)",
    "INSERT INTO keyed SELECT n, repeat('x', 500) || n FROM generate_series(1, 20000) n",
    "CREATE TABLE keyless AS SELECT * FROM keyed",
)
OF_EVERY_TYPE = """
CREATE TYPE place AS (street text, mood mood);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE everything (
  "b c" bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric(9, 3), t text, v varchar(20)[],
  c char(5), b bytea, u uuid, d date, ts timestamp(3), tz timestamptz, jb jsonb, j json, x xml, iv interval,
  ti time, mood mood, moods mood[], place place, positive positive, r int4range, p point, net inet,
  bits bit(3), doubled int GENERATED ALWAYS AS (i4 * 2) STORED);
INSERT INTO everything SELECT true, 1, n, n, n / 3.0, n / 7.0, n / 9.0, 'tëxt' || n, ARRAY['a', NULL],
  'ab', decode(md5(n::text), 'hex'), md5(n::text)::uuid, now(), now(), now(), '{"a": [1.0, null]}',
  '{"b":  1}', '<a/>',
  '90 s', '12:00', 'sad', '{happy,sad}', ROW('x', 'sad')::place,
  n, int4range(1, n + 1), point(1, n), '10.0.0.1', '101'
  FROM generate_series(1, 100) n;
INSERT INTO everything (i4) VALUES (NULL);
CREATE TABLE "no columns" (); INSERT INTO "no columns" DEFAULT VALUES;
"""


async def taken(server: Server, database: str, hashes: Hashes) -> Contents:
    async with server.cluster().connect(database) as session:
        return await survey(session, hashes)


async def restored(server: Server, database: str, expected: Contents) -> None:
    """Dump, restore and compare with `expected`; raises `Corrupt` where the copy is another."""
    cluster = server.cluster()
    async with cluster.connect(database) as session, frozen(session) as snapshot:
        archive = await collected_bytes(cluster.dump(database, snapshot))
    side = side_name(database, TS)
    await restore_beside(cluster, database, side, lambda: pieces(archive), clock=CLOCK, expected=expected)


@each_major
async def test_rows_of_every_type_are_the_same_on_the_copy_and_not_after_a_change(
    server: Server, database: str
) -> None:
    server.sql(database, OF_EVERY_TYPE)
    contents = await taken(server, database, "full")
    assert contents.tables["public.everything"].rows == 101
    method = "record/1:" if server.major >= 14 else "text/1:"
    assert (contents.tables["public.everything"].digest or "").startswith(method)
    await restored(server, database, contents)
    for change in ("mood = 'happy'", "jb = '{}'", "t = t || ' '", "f8 = 0.5", "iv = '91 s'", "n = n + 0.001"):
        server.sql(database, f"UPDATE everything SET {change} WHERE i4 = 7")
        changed = await taken(server, database, "full")
        assert differences(contents, changed) == ("public.everything: same number of rows, other content",)
        contents = changed


@each_major
async def test_a_sample_is_of_the_same_rows_on_the_copy(server: Server, database: str) -> None:
    server.sql(database, *LARGE)
    contents = await taken(server, database, "sampled")
    assert contents.tables["public.keyed"].sampled
    assert contents.tables["public.keyless"] == TableCount(20000)
    assert "/1:" in (contents.tables["public.users"].digest or ""), "small: hashed whole"
    await restored(server, database, contents)


async def test_a_sampled_row_that_changed_is_noticed_and_one_in_64_is_sampled(
    server: Server, database: str
) -> None:
    server.sql(database, *LARGE)
    contents = await taken(server, database, "sampled")
    sampled = "hash_record_extended(ROW(id), 0) % 64 = 0"
    [(rows,)] = server.sql(database, f"SELECT count(*) FROM keyed WHERE {sampled}")
    assert 200 < int(str(rows)) < 450
    server.sql(database, f"UPDATE keyed SET body = 'other' WHERE NOT {sampled}")
    assert differences(contents, await taken(server, database, "sampled")) == ()
    first = f"(SELECT min(id) FROM keyed WHERE {sampled})"
    server.sql(database, f"UPDATE keyed SET body = 'other' WHERE id = {first}")
    with pytest.raises(Corrupt, match=r"public\.keyed: same number of rows, other content"):
        await restored(server, database, contents)


async def test_a_copy_without_the_key_that_was_sampled_by_is_another(server: Server, database: str) -> None:
    server.sql(database, *LARGE)
    contents = await taken(server, database, "sampled")
    server.sql(database, "ALTER TABLE keyed DROP CONSTRAINT keyed_pkey, ALTER id DROP NOT NULL")
    async with server.cluster().connect(database) as session:
        found = await survey(session, contents)
    assert differences(contents, found) == ("public.keyed: same number of rows, other content",)


async def test_an_account_of_before_there_were_methods_is_still_compared(
    server: Server, database: str
) -> None:
    row = "ROW(t.born, t.email, t.id, t.mood, t.ratio)"
    text = f"SELECT sum(hashtextextended({row}::text, 0)::numeric) FROM users t"
    [(total,)] = server.sql(database, "SET timezone = 'UTC'", "SET extra_float_digits = 1", text)
    now = await taken(server, database, "counts")
    old = replace(now, tables={**now.tables, "public.users": TableCount(1000, str(total))})
    await restored(server, database, old)
    wrong = replace(now, tables={**now.tables, "public.users": TableCount(1000, "17")})
    with pytest.raises(Corrupt, match=r"public\.users: same number of rows, other content"):
        await restored(server, database, wrong)


async def test_another_major_version_is_only_counted(server: Server, database: str) -> None:
    contents = await taken(server, database, "full")
    older = replace(contents, server_version=contents.server_version - 10000)
    async with server.cluster().connect(database) as session:
        found = await survey(session, older)
    assert found.tables["public.users"] == TableCount(1000)
    assert differences(older, found) == ()


class Asked:
    """A session that notes how often it is asked for rows."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.times = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)

    async def rows(self, sql: str, timeout: timedelta = QUICK) -> list[tuple[Any, ...]]:
        self.times += 1
        return await self._session.rows(sql, timeout)


async def test_4000_tables_with_names_of_63_bytes_take_few_queries_and_no_lock_for_each(
    server: Server, database: str
) -> None:
    make = """DO $$ BEGIN FOR n IN 1..4000 LOOP
        EXECUTE format('CREATE TABLE many.%I (id int, "ü%s" int)', rpad(n || '-', 63, 'T"x'), n);
        EXECUTE format('INSERT INTO many.%I VALUES (1, 2), (2, NULL)', rpad(n || '-', 63, 'T"x'));
        IF n % 500 = 0 THEN COMMIT; END IF; END LOOP; END $$"""
    server.sql(database, "CREATE SCHEMA many", make)
    async with server.cluster().connect(database) as session, frozen(session):
        asked = Asked(session)
        tables = await measure(cast("Session", asked), "full")
        [(locks,)] = await session.rows("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()")
        version = await server_version(session)
    many = [table for name, table in tables.items() if name.startswith("many.")]
    assert len(many) == 4000
    assert {(table.rows, table.digest) for table in many} == {(2, many[0].digest)}
    assert many[0].digest is not None
    assert asked.times < 100
    assert locks < 200
    assert version >= 130000
