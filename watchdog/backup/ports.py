"""What a backup needs of a database server; fulfilled by `adapters.postgres`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from watchdog.backup.backup import Account
from watchdog.backup.policy import Hashing


class OpenDump(Protocol):
    """One database seen through one snapshot, held until the block around it ends."""

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """The uncompressed archive. Raises after the last chunk where dumping failed."""
        ...

    async def account(self, hashes: Hashing) -> Account:
        """What the dump holds; may run while the chunks are read."""
        ...


class Dumper(Protocol):
    """A database server. Raises `Unreachable` or `StepFailed`, with a remedy."""

    @property
    def user(self) -> str:
        """The role that dumps."""
        ...

    def dumping(self, database: str) -> AbstractAsyncContextManager[OpenDump]:
        """Freeze one database's contents for a dump."""
        ...

    def properties_sql(self, database: str, properties: Mapping[str, Any]) -> tuple[str, ...]:
        """The statements that give an existing database the properties of an account."""
        ...

    async def globals(self) -> str:
        """Roles and tablespaces as SQL, passwords included."""
        ...
