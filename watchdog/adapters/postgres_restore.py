"""Loads a custom-format archive through PostgreSQL's own pg_restore, which reads it from a stream.

Called by `postgres.PostgresCluster`. The rows come in one stream and are stored nowhere on their way; what
follows them (indexes, constraints, triggers) is made by two jobs, for which pg_restore wants a file: it gets
the archive's first part, since all that is not rows stands there. Two jobs for the rows too do not pay: an
archive that was streamed does not say where a table's rows begin, so each job reads all (measured: 700 MB).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from watchdog.adapters import postgres_tools as tools
from watchdog.adapters.postgres_words import check
from watchdog.adapters.process import Finished
from watchdog.database.ports import Dump

FIRST_PART_BYTES = 16 * 1024 * 1024
"""The table of contents of 4,000 tables with a sequence and a key each takes 5.7 MB (measured)."""

Feed = Callable[[Sequence[str], AsyncIterator[bytes]], Awaitable[Finished]]
"""Runs a tool to its end where those of this server are run, with this input."""


async def restore_archive(feed: Feed, user: str, database: str, dump: Dump, *, jobs: bool) -> None:
    """Into an existing, empty database. Raises `StepFailed` at the first error, and what `dump` raises."""
    whole = tools.pg_restore(user, database)
    if not jobs:
        check("pg_restore", database, await feed(whole, dump()))
        return
    first = bytearray()
    check("pg_restore", database, await feed([*whole, *tools.WITH_ROWS], _noting(dump(), first)))
    following = [*whole, *tools.AFTER_ROWS]
    finished = await feed([*following, tools.JOBS, tools.ARCHIVE], _ended(first))
    if finished.exit_code == tools.NO_CONTENTS:
        finished = await feed(following, dump())
    check("pg_restore", database, finished)


async def _noting(chunks: AsyncIterator[bytes], first: bytearray) -> AsyncIterator[bytes]:
    try:
        async for chunk in chunks:
            if len(first) < FIRST_PART_BYTES:
                first += chunk
            yield chunk
    finally:
        if (close := getattr(chunks, "aclose", None)) is not None:
            await close()


async def _ended(data: bytearray) -> AsyncIterator[bytes]:
    yield bytes(data)
    yield tools.END
