"""A house with a real database in its stack; its server's answers can be held up, or be others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.daemon.house import LIMIT, LOOK, HostClock, House
from tests.postgres_server import Server
from watchdog.backup.backup import Backup
from watchdog.backup.writer import take
from watchdog.daemon.guard import Guard
from watchdog.database.names import side_name, standby_name
from watchdog.database.ports import Cluster
from watchdog.stack import Container, Database, Release


class Wakeful(HostClock):
    """Who waits for a server sleeps real time: turning the hands would not make it answer."""

    async def sleep(self, duration: timedelta) -> None:
        if duration < timedelta(seconds=1):
            await asyncio.sleep(duration.total_seconds())
        else:
            await super().sleep(duration)


class Gate:
    """The test's server. While `shut`, nobody who makes a standby copy gets any further than creating it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.free_bytes: int | None = None
        self.passed = asyncio.Event()
        self.passed.set()
        self.reached = asyncio.Event()

    def shut(self) -> None:
        self.passed.clear()

    async def of(self, database: Database, operation: str = "") -> Cluster:
        return Guarded(self.server.cluster(database.name, operation), self, operation)


class Guarded:
    """A cluster behind the gate."""

    def __init__(self, cluster: Cluster, gate: Gate, operation: str) -> None:
        self._cluster, self._gate, self._operation = cluster, gate, operation

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    async def free_bytes(self) -> int:
        return await self._cluster.free_bytes() if self._gate.free_bytes is None else self._gate.free_bytes

    async def restore(self, *arguments: Any, **options: Any) -> None:
        if self._operation.startswith("standby"):
            self._gate.reached.set()
            await self._gate.passed.wait()
        await self._cluster.restore(*arguments, **options)


class Stocked(House):
    """`database` is served by a service of the stack's own."""

    def __init__(self, root: Path, server: Server, database: str) -> None:
        super().__init__(root, Wakeful())
        self.server, self.database = server, database
        self.gate = self.clusters = Gate(server)
        self.stack = replace(self.stack, databases=(Database("database", database, "shop"),))
        self.alter: Callable[[Backup], Backup] = lambda backup: backup

    async def make_backup(
        self,
        release: Release | None,
        containers: Sequence[Container],
        reason: str,
        progress: Callable[[str], None],
    ) -> Backup:
        """The whole of it; a second one waits for its own second."""
        self.clock.tick(timedelta(seconds=1))
        backup = await take(
            self.stack,
            release,
            [*containers, replace(self.server.container, service="database")],
            {self.database: self.server.cluster(self.database)},
            self.root / "backups",
            clock=self.clock,
            reason=reason,
            disk_reserve=0,
        )
        return self.alter(backup)

    def copies(self) -> set[str]:
        """Every database that was made beside the live one."""
        return set(self.server.databases(self.database)) - {self.database}

    def half(self, backup: str) -> str:
        return side_name(self.database, backup)

    def whole(self, backup: str) -> str:
        return standby_name(self.database, backup)

    async def begins(self, step: str) -> None:
        """A step of a rollback."""
        async with asyncio.timeout(LIMIT), self._heard:
            await self._heard.wait_for(lambda: any(e["step"] == step for e in self.told("step_started")))

    async def break_down(self, guard: Guard, version: str = "2") -> None:
        """The version is brought up, and ends at once."""
        await self.deploy(version)
        await self.handled(guard, LOOK)
        await self.end("backend", 1)
        await self.handled(guard, LOOK)
