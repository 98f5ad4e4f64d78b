"""Whatever dies during a swap: before its commit nothing is renamed, after it the swap stands for good."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import psycopg
import pytest

from tests.database.test_swap import CLOCK, TS, pair
from tests.postgres_server import Server, docker
from watchdog.database import Swap, SwapState, displaced_name, observe, side_name, swap, unfence
from watchdog.database.ports import Cluster, Session
from watchdog.database.sql import literal
from watchdog.errors import StepFailed, Unreachable

__all__ = ["pair"]
pytestmark = pytest.mark.engine
FENCE, TERMINATE, RENAME = (
    "ALTER DATABASE",
    "SELECT count(pg_terminate_backend",
    "SET LOCAL synchronous_commit",
)
Fault = Callable[[], None]


class Faulty:
    """A cluster where `fault` happens once, right before or right after the first statement like `at`."""

    def __init__(self, cluster: Cluster, fault: Fault, at: str, *, after: bool) -> None:
        self._cluster, self._fault, self._at, self._after = cluster, fault, at, after
        self._happened = False

    def connect(self, database: str) -> AbstractAsyncContextManager[Session]:
        return self._connect(database)

    @asynccontextmanager
    async def _connect(self, database: str) -> AsyncIterator[Any]:
        async with self._cluster.connect(database) as session:
            yield FaultySession(session, self._around)

    async def _around(self, statement: str, run: Callable[[], Awaitable[Any]]) -> Any:
        if self._happened or not statement.startswith(self._at):
            return await run()
        self._happened = True
        if self._after:
            await run()
        self._fault()
        if self._after:
            raise Unreachable("the answer was lost")
        return await run()


class FaultySession:
    """See `Faulty`."""

    def __init__(self, session: Session, around: Callable[..., Awaitable[Any]]) -> None:
        self._session, self._around = session, around

    async def execute(self, statement: str, *options: Any) -> None:
        await self._around(statement, lambda: self._session.execute(statement, *options))

    async def rows(self, statement: str, *options: Any) -> Any:
        return await self._around(statement, lambda: self._session.rows(statement, *options))


def until_it_answers(server: Server) -> None:
    """A server that recovers from a crash refuses for a moment."""
    deadline = time.monotonic() + 30
    while True:
        try:
            server.sql("postgres", "SELECT 1")
            return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "the server does not come back"


def crash(server: Server) -> None:
    """As `pg_ctl restart -m immediate`: no session survives, and the server recovers from its log."""
    with server.connect("postgres") as victim:
        [(process,)] = victim.execute("SELECT pg_backend_pid()").fetchall()
        docker("exec", server.container.id, "sh", "-c", f"kill -9 {process}")
        with pytest.raises(psycopg.OperationalError):
            victim.execute("SELECT pg_sleep(30)")
    until_it_answers(server)


async def require_swapped(server: Server, pair: Swap) -> None:
    """And every row of both databases there."""
    assert server.databases(pair.live) == {pair.live: False, pair.displaced: False}
    await unfence(server.cluster(), [pair.live, pair.displaced])
    assert server.sql(pair.live, "SELECT count(*) FROM restored") == [(0,)]
    assert server.sql(pair.displaced, "SELECT count(*) FROM users") == [(1000,)]


BEFORE = [(FENCE, False), (FENCE, True), (TERMINATE, True), (RENAME, False)]


@pytest.mark.parametrize(("at", "after"), BEFORE)
async def test_a_server_that_crashes_before_the_commit_has_renamed_nothing(
    server: Server, pair: Swap, at: str, after: bool
) -> None:
    cluster = Faulty(server.cluster(), lambda: crash(server), at, after=after)
    with pytest.raises(Unreachable):
        await swap(cluster, [pair], CLOCK)  # type: ignore[arg-type]
    assert server.databases(pair.live) == {pair.live: True, pair.side: False}
    assert await observe(server.cluster(), pair) is SwapState.NOT_SWAPPED
    await swap(server.cluster(), [pair], CLOCK)
    await require_swapped(server, pair)


async def test_a_server_that_crashes_after_the_commit_keeps_the_swap(server: Server, pair: Swap) -> None:
    cluster = Faulty(server.cluster(), lambda: crash(server), RENAME, after=True)
    await swap(cluster, [pair], CLOCK)  # type: ignore[arg-type]
    await swap(server.cluster(), [pair], CLOCK)
    await require_swapped(server, pair)


def killed_at(server: Server, pair: Swap, at: str, after: bool) -> None:
    """Runs in a process of its own."""
    cluster = Faulty(server.cluster(), lambda: os.kill(os.getpid(), signal.SIGKILL), at, after=after)
    asyncio.run(swap(cluster, [pair], CLOCK))  # type: ignore[arg-type]


@pytest.mark.parametrize(("at", "after"), [*BEFORE, (RENAME, True)])
def test_wherever_our_process_is_killed_the_next_one_ends_the_swap_or_gives_it_up(
    server: Server, pair: Swap, at: str, after: bool
) -> None:
    arguments = (server, pair, at, after)
    process = multiprocessing.get_context("fork").Process(target=killed_at, args=arguments)
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    state = asyncio.run(observe(server.cluster(), pair))
    assert state is (SwapState.SWAPPED if (at, after) == (RENAME, True) else SwapState.NOT_SWAPPED)
    if state is SwapState.NOT_SWAPPED:
        asyncio.run(unfence(server.cluster(), [pair.live]))
        assert server.sql(pair.live, "SELECT count(*) FROM users") == [(1000,)], "given up"
        asyncio.run(swap(server.cluster(), [pair], CLOCK))
    asyncio.run(require_swapped(server, pair))


async def test_a_prepared_transaction_is_named_and_the_live_database_opens_again(
    server: Server, pair: Swap
) -> None:
    gid = f"it's_{pair.live}"
    with server.connect(pair.live) as client:
        client.execute("BEGIN; DELETE FROM alembic_version")
        client.execute(f"PREPARE TRANSACTION {literal(gid)}")
    with pytest.raises(StepFailed, match=r"prepared transactions block the rename.*it's_.* PREPARED"):
        await swap(server.cluster(), [pair], CLOCK)
    assert server.databases(pair.live) == {pair.live: True, pair.side: False}
    server.sql(pair.live, f"ROLLBACK PREPARED {literal(gid)}")
    await swap(server.cluster(), [pair], CLOCK)
    await require_swapped(server, pair)


async def test_a_logical_slot_follows_the_displaced_database(server: Server, pair: Swap) -> None:
    slot = f"slot_{pair.live}"
    server.sql(pair.live, f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")
    await swap(server.cluster(), [pair], CLOCK)
    of = f"SELECT database FROM pg_replication_slots WHERE slot_name = '{slot}'"
    assert server.sql("postgres", of) == [(pair.displaced,)]
    server.sql("postgres", f"SELECT pg_drop_replication_slot('{slot}')")
    await require_swapped(server, pair)


async def test_several_databases_are_swapped_in_one_transaction(server: Server, pair: Swap) -> None:
    name = f"{pair.live}_b"
    second = Swap(name, side_name(name, TS), displaced_name(name, TS))
    server.sql("postgres", f"CREATE DATABASE {second.live}", f"CREATE DATABASE {second.side}")
    await swap(server.cluster(), [pair, second], CLOCK)
    assert server.databases(pair.live) == {
        name: False for each in (pair, second) for name in (each.live, each.displaced)
    }
    by = f"SELECT count(DISTINCT xmin::text) FROM pg_database WHERE starts_with(datname, '{pair.live}')"
    assert server.sql("postgres", by) == [(1,)]


async def test_a_name_of_63_bytes_is_swapped_and_brought_back(server: Server, database: str) -> None:
    name = f"{database}_" + "ü" * ((62 - len(database)) // 2)
    name += "x" * (63 - len(name.encode()))
    long = Swap(name, side_name(name, TS), displaced_name(name, TS))
    server.sql("postgres", f'CREATE DATABASE "{long.live}"', f'CREATE DATABASE "{long.side}"')
    await swap(server.cluster(), [long], CLOCK)
    assert set(server.databases(f"{database}_")) == {long.live, long.displaced}
    await swap(server.cluster(), [Swap(long.live, long.displaced, long.side)], CLOCK)
    assert set(server.databases(f"{database}_")) == {long.live, long.side}


async def test_an_application_that_uses_the_database_postgres_is_swapped_too(server: Server) -> None:
    """From `template1`: nobody can rename the database that he is connected to."""
    there = Swap("postgres", side_name("postgres", TS), displaced_name("postgres", TS))
    server.sql("template1", f"CREATE DATABASE {there.side}")
    client = server.connect("postgres")
    await swap(server.cluster(), [there], CLOCK)
    try:
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
        assert await observe(server.cluster(), there) is SwapState.SWAPPED
    finally:
        await swap(server.cluster(), [Swap("postgres", there.displaced, there.side)], CLOCK)
        await unfence(server.cluster(), ["postgres"])
        server.sql("template1", f"DROP DATABASE {there.side}")
        client.close()


async def test_a_lock_that_is_not_given_up_lets_the_live_database_open_again(
    server: Server, pair: Swap
) -> None:
    """Nobody is connected to the database, and still it cannot be renamed while another changes its entry."""
    with server.connect("postgres") as other:
        other.execute("BEGIN")
        other.execute(f"COMMENT ON DATABASE {pair.live} IS 'busy'")
        with pytest.raises(StepFailed, match="lock timeout"):
            await swap(server.cluster(), [pair], CLOCK)
        other.execute("ROLLBACK")
    assert server.databases(pair.live) == {pair.live: True, pair.side: False}
