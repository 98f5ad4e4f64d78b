"""A dump becomes a proven, fenced copy beside the live database; whatever is wrong, the live one stays."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from tests.postgres_server import Server, collected, pieces
from watchdog.adapters.process import run
from watchdog.clock import SystemClock
from watchdog.database import Properties, read_properties, restore_beside, side_name
from watchdog.database.contents import frozen, sequences, server_version
from watchdog.database.measuring import measure
from watchdog.database.ports import Cluster
from watchdog.errors import Corrupt, Refused, StepFailed
from watchdog.stack import Contents

pytestmark = pytest.mark.engine
CLOCK = SystemClock()
TS = "20261120_090000"


async def dumped(cluster: Cluster, database: str) -> tuple[bytes, Contents]:
    """A dump and the account of what it holds, as the backup takes them."""
    async with cluster.connect(database) as session:
        before = await sequences(session)
        async with frozen(session) as snapshot:
            archive = await collected(cluster.dump(database, snapshot))
            tables = await measure(session, "full")
        return archive, Contents(await server_version(session), tables, before)


async def test_restores_a_copy_that_equals_what_was_backed_up(server: Server, database: str) -> None:
    cluster, side = server.cluster(), side_name(database, TS)
    archive, contents = await dumped(cluster, database)
    assert contents.tables["public.users"].rows == 1000
    assert contents.tables["public.measures_2026"].rows == 300
    server.sql(
        database, 'DELETE FROM sales."Order"', "INSERT INTO users (email) VALUES ('later@example.com')"
    )
    await restore_beside(cluster, database, side, lambda: pieces(archive), clock=CLOCK, expected=contents)
    assert server.databases(database) == {database: True, side: False}
    assert server.sql(database, "SELECT count(*) FROM users") == [(1001,)]


async def test_restoring_again_replaces_the_leftover_of_the_first_try(server: Server, database: str) -> None:
    cluster, side = server.cluster(), side_name(database, TS)
    archive, contents = await dumped(cluster, database)
    for _ in range(2):
        await restore_beside(cluster, database, side, lambda: pieces(archive), clock=CLOCK, expected=contents)
    assert server.databases(database) == {database: True, side: False}


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
async def test_a_truncated_dump_is_refused(server: Server, database: str, part: float) -> None:
    cluster, side = server.cluster(), side_name(database, TS)
    archive, contents = await dumped(cluster, database)
    cut = archive[: int(len(archive) * part)]
    with pytest.raises((StepFailed, Corrupt)):
        await restore_beside(cluster, database, side, lambda: pieces(cut), clock=CLOCK, expected=contents)
    assert server.sql(database, "SELECT count(*) FROM users") == [(1000,)]


async def test_a_flipped_bit_in_a_row_is_noticed(server: Server, database: str) -> None:
    cluster, side = server.cluster(), side_name(database, TS)
    archive, contents = await dumped(cluster, database)
    flipped = archive.replace(b"77@example.com", b"76@fxample.com", 1)
    with pytest.raises(Corrupt, match=r"public\.users: same number of rows, other content"):
        await restore_beside(cluster, database, side, lambda: pieces(flipped), clock=CLOCK, expected=contents)


async def test_every_table_that_differs_is_named(server: Server, database: str) -> None:
    cluster, side = server.cluster(), side_name(database, TS)
    archive, contents = await dumped(cluster, database)
    wrong = {name: replace(table, rows=table.rows + 1) for name, table in contents.tables.items()}
    expected = replace(contents, tables={**wrong, "public.gone": contents.tables["public.users"]})
    with pytest.raises(Corrupt, match=r"public\.gone: missing.*1000 rows instead of 1001"):
        await restore_beside(cluster, database, side, lambda: pieces(archive), clock=CLOCK, expected=expected)


async def test_the_live_database_can_never_be_the_target(server: Server, database: str) -> None:
    cluster = server.cluster()
    for target in (database, "postgres", f"{database}_restore_", f"{database}_pre_rollback_{TS}"):
        with pytest.raises(Refused, match="not the name of a side database"):
            await restore_beside(cluster, database, target, lambda: pieces(b""), clock=CLOCK)
    assert server.sql(database, "SELECT count(*) FROM users") == [(1000,)]


async def test_owner_rights_settings_and_comment_come_along(server: Server, database: str) -> None:
    cluster, side, role = server.cluster(), side_name(database, TS), f"role_{database}"
    server.sql(
        "postgres",
        f"CREATE ROLE {role}",
        f"ALTER DATABASE {database} OWNER TO {role}",
        f"ALTER DATABASE {database} CONNECTION LIMIT 40",
        f"ALTER DATABASE {database} SET search_path TO '$user', public, 'Odd \"one'",
        f"ALTER DATABASE {database} SET work_mem TO '5MB'",
        f"ALTER ROLE {role} IN DATABASE {database} SET my.thing TO 'it''s'",
        f"REVOKE CONNECT ON DATABASE {database} FROM PUBLIC",
        f"GRANT CREATE ON DATABASE {database} TO pg_monitor WITH GRANT OPTION",
        f"COMMENT ON DATABASE {database} IS 'the shop''s'",
    )
    archive, contents = await dumped(cluster, database)
    await restore_beside(cluster, database, side, lambda: pieces(archive), clock=CLOCK, expected=contents)
    async with cluster.connect("postgres") as session:
        live, copy = await read_properties(session, database), await read_properties(session, side)
    assert live is not None
    assert copy == live
    assert Properties.from_mapping(asdict(live)) == live
    server.drop(database)
    server.sql("postgres", f"DROP ROLE {role}")


async def test_a_plain_dump_is_restored_too(server: Server, database: str) -> None:
    cluster, side = server.cluster(), side_name(database, TS)
    _, contents = await dumped(cluster, database)
    plain = await server_dump(server, database)
    await restore_beside(
        cluster, database, side, lambda: pieces(plain, 1000), clock=CLOCK, fmt="plain", expected=contents
    )
    assert server.databases(database) == {database: True, side: False}


async def test_a_plain_dump_that_reaches_for_other_databases_is_refused(
    server: Server, database: str
) -> None:
    cluster, side = server.cluster(), side_name(database, TS)
    plain = await server_dump(server, database, "--create", "--clean")
    with pytest.raises(Refused, match="DROP DATABASE"):
        await restore_beside(cluster, database, side, lambda: pieces(plain), clock=CLOCK, fmt="plain")
    assert server.sql(database, "SELECT count(*) FROM users") == [(1000,)]


async def test_a_plain_dump_that_was_cut_off_is_refused(server: Server, database: str) -> None:
    cluster, side = server.cluster(), side_name(database, TS)
    plain = await server_dump(server, database)
    with pytest.raises((Corrupt, StepFailed)):
        await restore_beside(cluster, database, side, lambda: pieces(plain[:-2000]), clock=CLOCK, fmt="plain")


async def test_a_failing_restore_names_the_missing_role(server: Server, database: str) -> None:
    cluster, side, role = server.cluster(), side_name(database, TS), f"gone_{database}"
    server.sql(database, f"CREATE ROLE {role}", f"ALTER TABLE users OWNER TO {role}")
    archive, contents = await dumped(cluster, database)
    server.sql(database, f"ALTER TABLE users OWNER TO shop; DROP OWNED BY {role}; DROP ROLE {role}")
    with pytest.raises(StepFailed, match=r"(?s)does not exist.*restore the roles first"):
        await restore_beside(cluster, database, side, lambda: pieces(archive), clock=CLOCK, expected=contents)


async def test_a_database_that_is_gone_is_created_by_its_saved_properties(
    server: Server, database: str
) -> None:
    cluster, side = server.cluster(), side_name(database, TS)
    archive, contents = await dumped(cluster, database)
    async with cluster.connect("postgres") as session:
        saved = await read_properties(session, database)
    server.sql("postgres", f"DROP DATABASE {database}")
    with pytest.raises(Refused, match="holds no properties"):
        await restore_beside(cluster, database, side, lambda: pieces(archive), clock=CLOCK, expected=contents)
    await restore_beside(
        cluster, database, side, lambda: pieces(archive), clock=CLOCK, expected=contents, saved=saved
    )
    assert server.databases(database) == {side: False}


async def server_dump(server: Server, database: str, *options: str) -> bytes:
    argv = ["docker", "exec", server.container.id, "pg_dump", "-U", "shop", *options, database]
    finished = await run(argv, timeout=timedelta(seconds=30), env={"DOCKER_HOST": server.docker_host})
    assert finished.exit_code == 0, finished.stderr
    return finished.stdout.encode()
