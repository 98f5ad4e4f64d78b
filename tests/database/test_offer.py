"""What a restore would stumble over is found before anything stops; what is said to be granted suffices."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest

from tests.database.test_facts import FACTS
from tests.database.test_restore import dumped
from tests.postgres_server import PASSWORD, Server, each_major, pieces
from watchdog.adapters.postgres import PostgresCluster
from watchdog.clock import SystemClock
from watchdog.database import Swap, blockers, displaced_name, inspect, restore_beside, side_name, swap
from watchdog.database.demands import Demands, read_demands
from watchdog.database.facts import Rights
from watchdog.database.offer import Offer, shortfalls, unmet
from watchdog.errors import Corrupt, StepFailed

POOR = replace(FACTS, rights=Rights("shop", False, True, True, True))
DEMANDS = Demands(("app", "gone"), ("app",), (("postgis", "3.3.2"),), ("fast",), ("event trigger audit",))
NOTHING = Offer({}, frozenset(), {}, {})
FULL = " WITH INHERIT TRUE, SET TRUE"
GRANTS = re.compile(r'grant it: ([^;]+(?:; ALTER ROLE "[^"]+" INHERIT)?)')


def test_names_what_the_server_lost_since_the_backup() -> None:
    offer = replace(NOTHING, roles={"app": True})
    assert shortfalls(FACTS, DEMANDS, offer) == (
        'role "gone", which app needs, does not exist; create it again: the backup\'s globals_*.sql has it',
        "the server no longer offers extension postgis, which app needs (it had 3.3.2); install its package "
        "for PostgreSQL 15 where the server runs (in its image), or choose another backup",
        'tablespace "fast", which app needs, does not exist; create it again: CREATE TABLESPACE "fast" '
        "LOCATION '…'",
    )


def test_names_what_only_a_mightier_role_may_restore() -> None:
    offer = Offer(
        {"app": False, "gone": True}, frozenset(), {"postgis": False}, {"fast": False}, ("log_statement",)
    )
    assert shortfalls(POOR, DEMANDS, offer) == (
        'role "shop" may not give objects of app to their owner app; grant it: GRANT "app" TO "shop"',
        'role "shop" may not create extension postgis of app; give ops-watchdog a superuser',
        'role "shop" may not create the event trigger audit of app; give ops-watchdog a superuser',
        'role "shop" may not create in tablespace fast of app; grant it: GRANT CREATE ON TABLESPACE "fast" '
        'TO "shop"',
        'role "shop" may not set log_statement for database app; give ops-watchdog a superuser, or reset it: '
        'ALTER DATABASE "app" RESET log_statement',
    )
    superuser = replace(POOR, rights=replace(POOR.rights, superuser=True))
    assert shortfalls(superuser, DEMANDS, offer) == ()


def test_demands_come_back_from_a_manifest() -> None:
    assert Demands.from_mapping(json.loads(json.dumps(asdict(DEMANDS)))) == DEMANDS
    with pytest.raises(Corrupt, match="demands"):
        Demands.from_mapping({"roles": []})


def make_member(server: Server, ours: str, *roles: str) -> None:
    """Everything that a restore needs but superuser's rights."""
    full = FULL if server.major >= 16 else ""
    server.sql("postgres", f'ALTER ROLE "{ours}" CREATEDB')
    server.sql("postgres", *(f'GRANT "{role}" TO "{ours}"{full}' for role in (*roles, "pg_signal_backend")))


@pytest.fixture
def owned(server: Server, database: str) -> Iterator[tuple[str, str]]:
    """A database, its schema and its tables belong to one role; a second one, poor, is ours."""
    owner, ours = f"own er_{database}", f"our s_{database}"
    server.sql(
        "postgres",
        f'CREATE ROLE "{owner}"',
        f"CREATE ROLE \"{ours}\" LOGIN PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'",
        f'ALTER DATABASE {database} OWNER TO "{owner}"',
    )
    tables = 'users, sales."Order", measures, measures_2026, alembic_version, totals'
    for table in tables.split(", "):
        kind = "MATERIALIZED VIEW" if table == "totals" else "TABLE"
        server.sql(database, f'ALTER {kind} {table} OWNER TO "{owner}"')
    server.sql(
        database,
        f'ALTER VIEW happy OWNER TO "{owner}"',
        f'ALTER FUNCTION twice OWNER TO "{owner}"',
        f'ALTER TYPE mood OWNER TO "{owner}"',
        f'ALTER SCHEMA sales OWNER TO "{owner}"',
        f'GRANT CREATE ON SCHEMA public TO "{owner}"' if server.major < 15 else "SELECT",
    )
    yield owner, ours
    server.drop(database)
    server.sql("postgres", f'DROP ROLE "{ours}"', f'DROP ROLE "{owner}"')


async def reasons(cluster: PostgresCluster, database: str) -> tuple[str, ...]:
    facts = await inspect(cluster, database)
    assert facts is not None
    return (*blockers(facts, facts.size_bytes), *await unmet(cluster, facts))


@pytest.mark.engine
@each_major
async def test_what_it_says_to_grant_suffices_for_restore_and_swap(
    server: Server, database: str, owned: tuple[str, str]
) -> None:
    owner, ours = owned
    cluster, side = server.cluster(user=ours), side_name(database, "20261120_090000")
    archive, contents = await dumped(server.cluster(), database)
    missing = await reasons(cluster, database)
    assert [line.split(";")[0] for line in missing] == [
        f'role "{ours}" may not create databases',
        f'role "{ours}" may not end sessions',
        f'role "{ours}" does not own database {database}',
        f'role "{ours}" may not give objects of {database} to their owner {owner}',
    ]
    with pytest.raises(StepFailed, match="permission denied"):
        await restore_beside(cluster, database, side, lambda: pieces(archive), clock=SystemClock())
    server.sql("postgres", *(GRANTS.findall(line)[0] for line in missing))
    assert await reasons(cluster, database) == ()
    pair = Swap(database, side, displaced_name(database, "20261120_090000"))
    await restore_beside(
        cluster, database, side, lambda: pieces(archive), clock=SystemClock(), expected=contents
    )
    await swap(cluster, [pair], SystemClock())
    assert server.databases(database) == {pair.live: False, pair.displaced: False}


@pytest.mark.engine
@each_major
async def test_a_member_who_does_not_inherit_is_told_so(
    server: Server, database: str, owned: tuple[str, str]
) -> None:
    owner, ours = owned
    options = " WITH INHERIT FALSE, SET FALSE" if server.major >= 16 else ""
    server.sql("postgres", f'ALTER ROLE "{ours}" CREATEDB NOINHERIT')
    server.sql("postgres", *(f'GRANT "{role}" TO "{ours}"{options}' for role in (owner, "pg_signal_backend")))
    cluster = server.cluster(user=ours)
    missing = await reasons(cluster, database)
    assert [line.split(";")[0] for line in missing[:2]] == [
        f'role "{ours}" may not end sessions',
        f'role "{ours}" does not own database {database}',
    ]
    server.sql("postgres", *(GRANTS.findall(line)[0] for line in missing))
    assert await reasons(cluster, database) == ()


@pytest.mark.engine
@each_major
async def test_what_only_superusers_may_create_is_named(
    server: Server, database: str, owned: tuple[str, str]
) -> None:
    owner, ours = owned
    server.sql(
        database,
        "CREATE FUNCTION audit() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE EVENT TRIGGER audit ON ddl_command_end EXECUTE FUNCTION audit()",
        "CREATE PUBLICATION everything FOR ALL TABLES",
        "CREATE TABLE later (id int)",
        f"ALTER DATABASE {database} SET log_statement TO 'none'",
        f"ALTER ROLE \"{owner}\" IN DATABASE {database} SET work_mem TO '5MB'",
    )
    make_member(server, ours, owner)
    ending = f"of {database}; give ops-watchdog a superuser"
    grant = f'GRANT "shop" TO "{ours}"' + (FULL if server.major >= 16 else "")
    assert await reasons(server.cluster(user=ours), database) == (
        f'role "{ours}" may not give objects of {database} to their owner shop; grant it: {grant}',
        f'role "{ours}" may not create the event trigger audit {ending}',
        f'role "{ours}" may not create the publication of all tables everything {ending}',
        f'role "{ours}" may not set log_statement for database {database}; give ops-watchdog a superuser, or '
        f'reset it: ALTER DATABASE "{database}" RESET log_statement',
        f'role "{ours}" may not change the settings of role {owner} in database {database}; give '
        "ops-watchdog a superuser",
    )
    assert await reasons(server.cluster(), database) == ()


@pytest.mark.engine
@each_major
async def test_who_was_let_into_anothers_schema_is_named_since_a_restore_lets_in_too_late(
    server: Server, database: str, owned: tuple[str, str]
) -> None:
    owner, ours = owned
    guest = f"guest_{database}"
    server.sql(
        database,
        f"CREATE ROLE {guest}",
        f"GRANT CREATE, USAGE ON SCHEMA sales TO {guest}",
        "CREATE TABLE sales.visits (id int)",
        f"ALTER TABLE sales.visits OWNER TO {guest}",
    )
    make_member(server, ours, owner, guest)
    cluster, side = server.cluster(user=ours), side_name(database, "20261120_090000")
    assert await reasons(cluster, database) == (
        f'role "{ours}" may not create the objects of {guest} in schema sales of {database}; give '
        "ops-watchdog a superuser",
    )
    archive, _ = await dumped(server.cluster(), database)
    with pytest.raises(StepFailed, match="permission denied for schema sales"):
        await restore_beside(cluster, database, side, lambda: pieces(archive), clock=SystemClock())
    server.drop(database)
    server.sql("postgres", f"DROP ROLE {guest}")


@pytest.mark.engine
@each_major
async def test_what_vanished_from_the_server_is_named(server: Server, database: str) -> None:
    """As the backup's account tells it: the live database has lost it as well."""
    async with server.cluster().connect(database) as session:
        found = await read_demands(session)
    assert (found.roles, found.owners, found.extensions) == (("shop",), ("shop",), ())
    recorded = replace(
        found, roles=("gone", "shop"), extensions=(("postgis", "3.3.2"),), tablespaces=("fast",)
    )
    facts = await inspect(server.cluster(), database)
    assert facts is not None
    said = await unmet(server.cluster(), facts, asdict(recorded))
    assert [line.split(",")[0] for line in said] == [
        'role "gone"',
        "the server no longer offers extension postgis",
        'tablespace "fast"',
    ]
