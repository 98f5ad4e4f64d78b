"""Loads a custom-format archive through PostgreSQL's own pg_restore, by two jobs where they can have a file.

Called by `postgres.PostgresCluster`. Measured on 700 MB: what is piped into one pg_restore takes nearly
twice as long as what two jobs read from a file, 1.5 s of writing it included.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from watchdog.adapters import postgres_tools as tools
from watchdog.adapters.postgres_words import check
from watchdog.adapters.process import Finished
from watchdog.database.ports import Dump

Feed = Callable[[Sequence[str], AsyncIterator[bytes]], Awaitable[Finished]]
"""Runs a tool to its end where those of this server are run, with this input."""


async def restore_archive(feed: Feed, user: str, database: str, dump: Dump, *, jobs: bool) -> None:
    """Into an existing, empty database. Raises `StepFailed` at the first error, and what `dump` raises."""
    tool = tools.pg_restore(user, database)
    if jobs:
        finished = await feed([*tool, tools.JOBS, tools.ARCHIVE], _ended(dump()))
        if finished.exit_code != tools.NO_FILE:
            check("pg_restore", database, finished)
            return
    check("pg_restore", database, await feed(tool, dump()))


async def _ended(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for chunk in chunks:
            yield chunk
        yield tools.END
    finally:
        if (close := getattr(chunks, "aclose", None)) is not None:
            await close()
