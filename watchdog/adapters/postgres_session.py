"""One psycopg connection as a `database.ports.Session`, every wait bounded and every error translated.

Split from `postgres`, which knows servers and tools; this module knows psycopg only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from watchdog.adapters.postgres_words import primary
from watchdog.database.ports import QUICK, InUse
from watchdog.errors import StepFailed, Unreachable

if TYPE_CHECKING:
    from psycopg import AsyncConnection

CONNECT_WITHIN = timedelta(seconds=5)
"""psycopg's own default is 130 s."""
KEEPALIVE: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""A peer that vanished is noticed after 15 to 25 s: no statement timeout helps against a dead network."""
BLOCK_BYTES = 256 * 1024
"""Of rows copied out; what is held in memory of a table of any size."""
_OBJECT_IN_USE = "55006"
_GONE = ("08", "57P")
"""SQLSTATE classes of a lost connection and of a server that shuts down or starts up."""


@asynccontextmanager
async def connected(
    *, host: str, port: int, user: str, password: str | None, database: str, application_name: str
) -> AsyncIterator[PostgresSession]:
    """Connect in autocommit mode; the connection is closed at the end of the block."""
    from psycopg import AsyncConnection

    where = f"database {database} at {host}:{port}"
    with _translated(where, password):
        async with asyncio.timeout(CONNECT_WITHIN.total_seconds() + 1):
            connection = await AsyncConnection.connect(
                host=host,
                port=port,
                user=user,
                password=password,
                dbname=database,
                application_name=application_name,
                connect_timeout=int(CONNECT_WITHIN.total_seconds()),
                autocommit=True,
                prepare_threshold=None,
                **KEEPALIVE,
            )
    try:
        yield PostgresSession(connection, where)
    finally:
        await connection.close()


class PostgresSession:
    """See `database.ports.Session`."""

    def __init__(self, connection: AsyncConnection, where: str) -> None:
        self._connection = connection
        self._where = where

    async def execute(self, sql: str, timeout: timedelta = QUICK) -> None:
        with _translated(self._where):
            async with asyncio.timeout(timeout.total_seconds()):
                await self._connection.execute(sql)

    async def rows(self, sql: str, timeout: timedelta = QUICK) -> list[tuple[Any, ...]]:
        with _translated(self._where):
            async with asyncio.timeout(timeout.total_seconds()):
                cursor = await self._connection.execute(sql)
                return await cursor.fetchall()

    async def copy_out(self, sql: str) -> AsyncGenerator[bytes, None]:
        """libpq hands out single rows: they are gathered, so that nobody is woken for each."""
        with _translated(self._where):
            rows: list[bytes] = []
            gathered = 0
            async with self._connection.cursor().copy(sql) as copy:
                async for row in copy:
                    rows.append(bytes(row))
                    gathered += len(rows[-1])
                    if gathered >= BLOCK_BYTES:
                        yield b"".join(rows)
                        rows, gathered = [], 0
            if rows:
                yield b"".join(rows)

    async def copy_in(self, sql: str, blocks: AsyncIterator[bytes]) -> None:
        with _translated(self._where):
            async with self._connection.cursor().copy(sql) as copy:
                async for block in blocks:
                    await copy.write(block)

    def transaction(self) -> AbstractAsyncContextManager[None]:
        return self._transaction()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        with _translated(self._where):
            async with self._connection.transaction():
                yield


@contextmanager
def _translated(where: str, password: str | None = None) -> Iterator[None]:
    """psycopg's errors in our words: without the row that a DETAIL quotes, and without the password."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        state = error.sqlstate or ""
        said = primary(error.diag.message_primary or str(error))
        if password:
            said = said.replace(password, "***")
        if state == _OBJECT_IN_USE:
            raise InUse(f"{where}: {said}") from _harmless(error, said)
        lost = isinstance(error, psycopg.OperationalError) and (not state or state.startswith(_GONE))
        if lost:
            raise Unreachable(f"{where} cannot be reached: {said}") from _harmless(error, said)
        raise StepFailed(f"{where} refused: {said}") from _harmless(error, said)
    except TimeoutError as error:
        raise Unreachable(f"{where} did not answer in time") from error


def _harmless(error: Exception, said: str) -> Exception | None:
    """The cause is part of every traceback: it is left out where it tells more than may be said."""
    return error if str(error).strip() == said else None
