"""What a step is given: the hands it acts with, the operation it belongs to, and earlier findings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from watchdog.backup.backup import Backup
from watchdog.clock import Clock
from watchdog.database.ports import Cluster
from watchdog.health.check import Check, Prober
from watchdog.rollback.making import Standbys
from watchdog.rollback.operation import Facts, Operation
from watchdog.stack import Container, Database, Engine, Orchestrator, Release, Stack

RESTART_TIMEOUT = timedelta(minutes=10)
"""For `up`: dependencies may have to become healthy first, one after the other."""


class Clusters(Protocol):
    """Finds the PostgreSQL cluster that serves a database of the stack."""

    async def of(self, database: Database, operation: str = "") -> Cluster:
        """Raises `Unreachable` where its service does not run. `operation` names the sessions opened."""
        ...


class Lock(Protocol):
    """One operation per stack, across processes (design rule 9)."""

    def hold(self, stack: str, command: str) -> AbstractAsyncContextManager[None]:
        """Raises `Busy` at once, naming holder, command and since when."""
        ...


class Commands(Protocol):
    """The commands of announced deployments, as far as they run on this host."""

    async def end(self, deployment: str) -> None:
        """End all that it started, whatever became of its terminal. Raises `Refused` for what stays."""
        ...


@dataclass(frozen=True, slots=True)
class Hands:
    """Everything a step may touch, for one stack. Built in `app`, the same for daemon and command line.

    `standbys` is the same object for a stack's whole life: after a reload a copy may still be in the making.
    """

    stack: Stack
    checks: tuple[Check, ...]
    engine: Engine
    orchestrator: Orchestrator
    prober: Prober
    clusters: Clusters
    commands: Commands
    lock: Lock
    clock: Clock
    incident_directory: Path
    verify_timeout: timedelta = timedelta(minutes=5)
    standbys: Standbys = field(default_factory=Standbys)


@dataclass(frozen=True, slots=True)
class Run:
    """One operation under way. `facts` maps the name of each finished step to what it returned."""

    hands: Hands
    operation: Operation
    target: Release
    backup: Backup | None
    facts: Mapping[str, Facts]

    @property
    def stack(self) -> Stack:
        return self.hands.stack

    @property
    def restores_database(self) -> bool:
        return self.backup is not None and bool(self.stack.databases)

    @property
    def swaps_database(self) -> bool:
        """Another database comes to stand under the live one's name: a backup's, or a displaced one."""
        return self.restores_database or bool(self.operation.returning)

    @property
    def directory(self) -> Path:
        """Where the incident's files lie."""
        return self.hands.incident_directory / self.operation.id

    def in_scope(self, service: str) -> bool:
        """Whether this rollback stops and starts the service: all but the databases, or those configured."""
        if self.stack.services:
            return service in self.stack.services
        return service not in self.stack.database_services

    async def containers(self) -> tuple[Container, ...]:
        """What is there now, of the services in scope."""
        found = await self.hands.engine.containers(self.stack.project)
        return tuple(c for c in found if self.in_scope(c.service))


Step = Callable[[Run], Awaitable[Facts]]
"""Acts, and returns its facts. Safe to repeat: it looks at the world before it touches it."""
