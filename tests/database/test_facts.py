"""What stands in the way of a rollback is found before anything is touched, each with its remedy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.postgres_server import Server
from watchdog.database import blockers, end_backends, inspect, room, schema_fingerprint
from watchdog.database.facts import DatabaseFacts, Rights
from watchdog.database.properties import Properties
from watchdog.errors import Refused

PROPERTIES = Properties("app", "UTF8", "C", "C", "c", None, None, -1, None, (), None)
SUPERUSER = Rights("shop", True, True, True, True)
FACTS = DatabaseFacts("app", 100, 150018, True, PROPERTIES, SUPERUSER)


def test_nothing_blocks_a_superuser_with_room() -> None:
    assert blockers(FACTS, 100) == ()


def test_names_every_missing_right_with_its_grant() -> None:
    poor = replace(FACTS, rights=Rights("shop", False, False, False, False), superuser_sessions=2)
    assert blockers(poor, 100) == (
        'role "shop" may not create databases; grant it: ALTER ROLE "shop" CREATEDB',
        'role "shop" may not end sessions; grant it: GRANT "pg_signal_backend" TO "shop"',
        'role "shop" does not own database app; grant it: GRANT "app" TO "shop"',
        '2 sessions of superusers hold database app and role "shop" cannot end them; close them, or give '
        "ops-watchdog a superuser",
    )


def test_names_a_prepared_transaction_and_missing_room_at_once() -> None:
    facts = replace(FACTS, prepared_transactions=("it's",), size_bytes=3 * 1024**2)
    assert blockers(facts, 1024**2) == (
        'the prepared transaction "it\'s" blocks renaming database app; connected to it, run COMMIT PREPARED '
        "'it''s' or ROLLBACK PREPARED 'it''s'",
        "restoring app beside itself needs 3 MiB and the server has 1 MiB free; make room on its data volume",
    )


def test_databases_of_one_cluster_need_room_together() -> None:
    mebibyte = 1024**2
    each = [replace(FACTS, name=name, size_bytes=3 * mebibyte) for name in ("app", "auth")]
    assert [blockers(facts, 5 * mebibyte) for facts in each] == [(), ()]
    assert room(each, 5 * mebibyte) == (
        "restoring app, auth beside themselves needs 6 MiB together and the server has 5 MiB free; make room "
        "on its data volume",
    )
    assert room(each, 6 * mebibyte) == room(each[:1], 0) == room([], 0) == ()


def test_a_member_needs_the_owners_rights_and_its_name() -> None:
    heir = replace(FACTS, server_version=160001, rights=Rights("shop", False, True, True, True, False))
    (reason,) = blockers(heir, 100)
    assert reason.endswith('grant it: GRANT "app" TO "shop" WITH INHERIT TRUE, SET TRUE')
    loner = replace(FACTS, rights=Rights("shop", False, True, True, False, inherits=False))
    (reason,) = blockers(loner, 100)
    assert reason.endswith('grant it: GRANT "app" TO "shop"; ALTER ROLE "shop" INHERIT')


@pytest.mark.engine
async def test_inspects_a_real_database(server: Server, database: str) -> None:
    # the slot first: creating one waits for every open transaction, prepared ones too
    server.sql(database, "SELECT pg_create_logical_replication_slot('slot1', 'pgoutput')")
    server.sql(
        database, "BEGIN; INSERT INTO users (email) VALUES ('p@example.com'); PREPARE TRANSACTION 'p1'"
    )
    with server.connect(database):
        facts = await inspect(server.cluster(), database)
    server.sql(database, "ROLLBACK PREPARED 'p1'")
    server.sql(database, "SELECT pg_drop_replication_slot('slot1')")
    assert facts is not None
    assert facts.size_bytes > 1024**2
    assert facts.server_version // 10000 == 15
    assert (facts.properties.owner, facts.properties.encoding) == ("shop", "UTF8")
    assert facts.rights == Rights("shop", True, True, True, True)
    assert (facts.prepared_transactions, facts.logical_slots) == (("p1",), ("slot1",))
    assert [client.user for client in facts.outside] == ["shop"]
    assert facts.superuser_sessions == 1
    assert await server.cluster().free_bytes() > 1024**2


@pytest.mark.engine
async def test_a_database_that_does_not_exist_has_no_facts(server: Server) -> None:
    assert await inspect(server.cluster(), "no_such_database") is None


@pytest.mark.engine
async def test_the_fingerprint_follows_schema_and_migrations_but_not_rows(
    server: Server, database: str
) -> None:
    async def fingerprint() -> str:
        async with server.cluster().connect(database) as session:
            return await schema_fingerprint(session)

    first = await fingerprint()
    server.sql(database, "INSERT INTO users (email) VALUES ('new@example.com')")
    assert await fingerprint() == first
    server.sql(database, "UPDATE alembic_version SET version_num = 'def456'")
    migrated = await fingerprint()
    assert migrated != first
    server.sql(database, "UPDATE alembic_version SET version_num = 'abc123'")
    assert await fingerprint() == first
    for change in (
        "ALTER TABLE users ADD COLUMN name text DEFAULT 'x'",
        "ALTER TABLE users ALTER COLUMN name SET DEFAULT 'y'",
        "CREATE INDEX ON users (name)",
        "ALTER TYPE mood ADD VALUE 'calm'",
        "CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n + n'",
        "CREATE TABLE further (id int)",
    ):
        before = await fingerprint()
        server.sql(database, change)
        assert await fingerprint() != before, change


@pytest.mark.engine
async def test_ends_the_sessions_of_an_interrupted_operation_only(server: Server, database: str) -> None:
    async with (
        server.cluster(operation="dump-1").connect(database),
        server.cluster().connect(database) as ours,
    ):
        assert await end_backends(server.cluster(), "ops-watchdog-dump-1") == 1
        assert await ours.rows("SELECT 1") == [(1,)]
    with pytest.raises(Refused):
        await end_backends(server.cluster(), "")
