"""What the database verbs need of a PostgreSQL cluster; fulfilled by `adapters.postgres`.

Every method raises `Unreachable` where the server does not answer or went away, and `StepFailed` with the
server's own message where it refuses. SQL arrives complete (see `sql`): there are no parameters.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, Literal, Protocol

from watchdog.errors import StepFailed

QUICK = timedelta(seconds=30)
"""For statements that do not grow with the data."""
LONG = timedelta(hours=6)
"""For statements that read or write a whole database; the operation above sets the real bound."""

Format = Literal["custom", "plain"]
"""`custom`: pg_dump -Fc, decompressed. `plain`: SQL for psql, of sets made by scripts."""

Dump = Callable[[], AsyncIterator[bytes]]
"""Opens a decompressed dump; may be called several times, by readers at once."""


class InUse(StepFailed):
    """SQLSTATE 55006: somebody is still connected to the database; ending them and trying again helps."""


class Session(Protocol):
    """One connection, each statement a transaction of its own outside of `transaction()`."""

    async def execute(self, sql: str, timeout: timedelta = QUICK) -> None:
        """Run a statement for its effect."""
        ...

    async def rows(self, sql: str, timeout: timedelta = QUICK) -> list[tuple[Any, ...]]:
        """Run a query and return all of its rows."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[None]:
        """Commit at the end of the block, roll back if it raises. Within another one: a savepoint."""
        ...

    def copy_out(self, sql: str) -> AsyncGenerator[bytes, None]:
        """What `COPY … TO STDOUT` sends, in blocks of whole rows; `statement_timeout` is its only bound."""
        ...

    async def copy_in(self, sql: str, blocks: AsyncIterator[bytes]) -> None:
        """Feed `COPY … FROM STDIN`; its rows are taken all or none."""
        ...


class Cluster(Protocol):
    """One PostgreSQL server, as one role, reached from outside and by the server's own tools."""

    @property
    def user(self) -> str:
        """The role that every connection uses."""
        ...

    def connect(self, database: str) -> AbstractAsyncContextManager[Session]:
        """A connection to one database, closed at the end of the block."""
        ...

    def dump(self, database: str, snapshot: str) -> AsyncIterator[bytes]:
        """The uncompressed custom-format archive under an exported snapshot; closing the iterator stops it.

        Raises after the last chunk where pg_dump failed: what was read until then is no dump.
        """
        ...

    async def restore(self, database: str, dump: Dump, fmt: Format) -> None:
        """Load an archive into an existing, empty database; stops at the first error."""
        ...

    async def globals(self) -> str:
        """Roles and tablespaces as SQL, passwords included: keep it secret."""
        ...

    async def require_tools(self) -> None:
        """Raises `Refused` where the server's tools, to dump and to restore with, are missing or too old."""
        ...

    async def free_bytes(self) -> int:
        """Free room where the server keeps its data. Raises `Refused` where nobody can tell."""
        ...
