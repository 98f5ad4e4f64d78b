"""The swap on a real server: all or nothing, fenced afterwards, open again when it failed."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from tests.postgres_server import PASSWORD, Server
from watchdog.clock import SystemClock
from watchdog.database import (
    Swap,
    SwapState,
    apply_properties,
    displaced_name,
    observe,
    open_read_only,
    read_properties,
    side_name,
    swap,
    unfence,
)
from watchdog.errors import StepFailed

pytestmark = pytest.mark.engine
CLOCK = SystemClock()
TS = "20261120_090000"


@pytest.fixture
def pair(server: Server, database: str) -> Swap:
    """A live database and a fenced side database that holds one table, `restored`."""
    side = side_name(database, TS)
    server.sql("postgres", f'CREATE DATABASE "{side}"')
    server.sql(side, "CREATE TABLE restored (id int)")
    server.sql("postgres", f'ALTER DATABASE "{side}" ALLOW_CONNECTIONS false')
    return Swap(database, side, displaced_name(database, TS))


async def test_exchanges_the_names_and_leaves_both_fenced(server: Server, pair: Swap) -> None:
    cluster = server.cluster()
    await swap(cluster, [pair], CLOCK)
    assert server.databases(pair.live) == {pair.live: False, pair.displaced: False}
    assert await observe(cluster, pair) is SwapState.SWAPPED
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        server.connect(pair.live)
    await unfence(cluster, [pair.live])
    assert server.sql(pair.live, "SELECT count(*) FROM restored") == [(0,)]


async def test_swapping_twice_is_harmless(server: Server, pair: Swap) -> None:
    cluster = server.cluster()
    await swap(cluster, [pair], CLOCK)
    await swap(cluster, [pair], CLOCK)
    assert server.databases(pair.live) == {pair.live: False, pair.displaced: False}


async def test_undo_is_the_same_swap_with_other_names(server: Server, pair: Swap) -> None:
    cluster = server.cluster()
    await swap(cluster, [pair], CLOCK)
    await swap(cluster, [Swap(pair.live, pair.displaced, pair.side)], CLOCK)
    await unfence(cluster, [pair.live])
    assert server.databases(pair.live) == {pair.live: True, pair.side: False}
    assert server.sql(pair.live, "SELECT count(*) FROM users") == [(1000,)]


async def test_a_second_rename_that_fails_undoes_the_first_and_the_fence(server: Server, pair: Swap) -> None:
    second = Swap(f"{pair.live}_b", f"{pair.live}_b_side", pair.displaced)
    server.sql("postgres", f"CREATE DATABASE {second.live}")
    server.sql("postgres", f"CREATE DATABASE {second.side} ALLOW_CONNECTIONS false")
    with pytest.raises(StepFailed, match=f'database "{pair.displaced}" already exists'):
        await swap(server.cluster(), [pair, second], CLOCK)
    assert server.databases(pair.live) == {
        pair.live: True,
        pair.side: False,
        second.live: True,
        second.side: False,
    }
    assert server.sql(pair.live, "SELECT count(*) FROM users") == [(1000,)]


async def test_a_swap_that_fails_opens_nothing_that_was_fenced_before(server: Server, pair: Swap) -> None:
    """An earlier rollback was held with it: nothing that runs fits it yet."""
    server.sql(
        "postgres", f"ALTER DATABASE {pair.live} ALLOW_CONNECTIONS false", f"DROP DATABASE {pair.side}"
    )
    with pytest.raises(StepFailed, match="does not exist; restore it first"):
        await swap(server.cluster(), [pair], CLOCK, fenced=[pair.live])
    assert server.databases(pair.live) == {pair.live: False}


async def test_without_a_restored_copy_nothing_is_fenced(server: Server, database: str) -> None:
    missing = Swap(database, side_name(database, TS), displaced_name(database, TS))
    with pytest.raises(StepFailed, match="does not exist; restore it first"):
        await swap(server.cluster(), [missing], CLOCK)
    assert server.databases(database) == {database: True}


async def test_names_that_fit_no_swap_are_left_alone(server: Server, pair: Swap) -> None:
    server.sql("postgres", f"CREATE DATABASE {pair.displaced}")
    with pytest.raises(StepFailed, match="neither before nor after"):
        await swap(server.cluster(), [pair], CLOCK)
    assert server.databases(pair.live) == {pair.live: True, pair.side: False, pair.displaced: True}


async def test_a_live_database_that_is_gone_is_not_swapped_silently(server: Server, pair: Swap) -> None:
    """Afterwards nobody could tell from the names whether the swap had been made."""
    server.sql("postgres", f"DROP DATABASE {pair.live}")
    with pytest.raises(StepFailed, match=f"{pair.live} does not exist"):
        await swap(server.cluster(), [pair], CLOCK)
    assert server.databases(pair.live) == {pair.side: False}
    assert await observe(server.cluster(), pair) is SwapState.NOT_SWAPPED


async def test_an_empty_placeholder_is_displaced_like_any_database(server: Server, pair: Swap) -> None:
    server.sql("postgres", f"DROP DATABASE {pair.live}", f"CREATE DATABASE {pair.live}")
    server.sql("postgres", f"ALTER DATABASE {pair.live} ALLOW_CONNECTIONS false")
    await swap(server.cluster(), [pair], CLOCK)
    assert server.databases(pair.live) == {pair.live: False, pair.displaced: False}
    assert await observe(server.cluster(), pair) is SwapState.SWAPPED


async def test_sessions_of_superusers_and_idle_transactions_are_cut_off(server: Server, pair: Swap) -> None:
    with server.connect(pair.live) as idle, server.connect(pair.live) as busy:
        idle.execute("BEGIN")
        idle.execute("SELECT * FROM users LIMIT 1")
        query = asyncio.create_task(asyncio.to_thread(busy.execute, "SELECT pg_sleep(60)"))
        await swap(server.cluster(), [pair], CLOCK)
        with pytest.raises(psycopg.OperationalError):
            await query
        with pytest.raises(psycopg.OperationalError):
            idle.execute("SELECT 1")


@contextlib.contextmanager
def reconnecting_clients(server: Server, database: str, count: int) -> Iterator[None]:
    """Clients that connect anew for every query, whatever happens to them."""
    stop = threading.Event()
    address = server.container.addresses[0]
    started = threading.Barrier(count + 1)

    def client() -> None:
        first = True
        while not stop.is_set():
            with (
                contextlib.suppress(psycopg.Error),
                psycopg.connect(host=address, user="shop", password=PASSWORD, dbname=database) as connection,
            ):
                connection.execute("SELECT count(*) FROM users")
            if first:
                started.wait()
                first = False

    threads = [threading.Thread(target=client) for _ in range(count)]
    for thread in threads:
        thread.start()
    started.wait()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


async def test_swaps_under_clients_that_reconnect_for_every_query(server: Server, pair: Swap) -> None:
    with reconnecting_clients(server, pair.live, 16):
        before = CLOCK.monotonic()
        await swap(server.cluster(), [pair], CLOCK)
        seconds = CLOCK.monotonic() - before
    assert server.databases(pair.live) == {pair.live: False, pair.displaced: False}
    assert seconds < 3


async def test_the_displaced_database_opens_read_only_for_us_alone(server: Server, pair: Swap) -> None:
    cluster, role = server.cluster(), f"app_{pair.live}"
    server.sql("postgres", f"CREATE ROLE {role} LOGIN PASSWORD 'correct horse='' \\battery'")
    server.sql("postgres", f"ALTER DATABASE {pair.live} OWNER TO {role}")
    await swap(cluster, [pair], CLOCK)
    for _ in range(2):
        await open_read_only(cluster, pair.displaced)
    assert server.sql(pair.displaced, "SELECT count(*) FROM users") == [(1000,)]
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        server.sql(pair.displaced, "DELETE FROM users")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        server.connect(pair.displaced, user=role)
    async with cluster.connect("postgres") as session:
        properties = await read_properties(session, pair.displaced)
    assert properties is not None
    assert [s.name for s in properties.settings] == ["default_transaction_read_only"]
    server.drop(pair.live)
    server.sql("postgres", f"DROP ROLE {role}")


async def test_a_database_that_comes_back_has_the_rights_from_before_and_no_others(
    server: Server, pair: Swap
) -> None:
    """While it was displaced its owner was kept out, and we, who are another role, were let in."""
    role = f"owner_{pair.live}"
    server.sql("postgres", f"CREATE ROLE {role}")
    server.sql("postgres", f"ALTER DATABASE {pair.live} OWNER TO {role}")
    cluster = server.cluster()
    async with cluster.connect("postgres") as session:
        before = await read_properties(session, pair.live)
        assert before is not None
        await open_read_only(cluster, pair.live)
        await apply_properties(session, pair.live, before)
        after = await read_properties(session, pair.live)
    assert after is not None
    assert replace(after, grants=None) == before
    assert {(grant.grantee, grant.privilege) for grant in after.grants or ()} == {
        ("", "CONNECT"),
        ("", "TEMPORARY"),
        (role, "CONNECT"),
        (role, "CREATE"),
        (role, "TEMPORARY"),
    }
    server.drop(pair.live)
    server.sql("postgres", f"DROP ROLE {role}")
