"""A small house to keep guard over: a project of real files, an engine in miniature, a real ledger.

Time stands still unless `live` lets it pass; then every check is asked each five seconds, as a poller would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.fakes import FakeClock, FakeCommands, FakeEngine, ScriptedProber
from tests.health.samples import check
from tests.stack.project import FileOrchestrator
from watchdog.adapters.file_lock import FileLock
from watchdog.adapters.sqlite_ledger import SqliteLedger
from watchdog.alert.alert import Alert
from watchdog.alert.outbox import Outbox
from watchdog.backup.backup import Backup
from watchdog.backup.policy import BackupPolicy
from watchdog.backup.writer import take
from watchdog.daemon.guard import Guard
from watchdog.daemon.messages import Hint, Message, Probed
from watchdog.daemon.tools import Tools
from watchdog.deploy.deployment import Deployment
from watchdog.deploy.policy import DeploymentPolicy
from watchdog.errors import Unreachable, WatchdogError
from watchdog.health.check import Check
from watchdog.rollback.aftermath import Server
from watchdog.rollback.ledger import Record, Seen
from watchdog.rollback.making import Standbys
from watchdog.rollback.policy import RollbackPolicy
from watchdog.rollback.run import Clusters, Hands
from watchdog.settings.build import StackSettings
from watchdog.stack import Container, Database, Event, Release, Stack

LOOK = Hint(Event("connected"))
"""The hint after which everything is looked at."""
ROUND = timedelta(seconds=5)
LIMIT = 20.0
"""Seconds of real time after which a test that waits has failed."""


class HostClock(FakeClock):
    """A host's clock, which somebody may put right."""

    def jump(self, by: timedelta) -> None:
        self._now += by


class FullDisk(SqliteLedger):
    """Refuses to write while `full`, and to be read while `unreadable`."""

    full = unreadable = False

    async def write(self, *records: Record) -> None:
        if self.full:
            raise WatchdogError("no space left on device")
        await super().write(*records)

    async def seen(self, stack: str) -> Seen | None:
        if self.unreadable:
            raise WatchdogError("database is locked")
        return await super().seen(stack)


class NoServer:
    """A database server that is down."""

    async def of(self, database: Database, operation: str = "") -> Server:
        raise Unreachable(f"service {database.service} does not run")


class House:
    """One host with one stack; `reborn` is what the next process sees of it."""

    def __init__(self, root: Path, clock: HostClock | None = None) -> None:
        self.root, self.srv = root, root / "srv"
        self.srv.mkdir(exist_ok=True)
        self.compose, self.env = self.srv / "compose.yml", self.srv / ".env"
        self.clock = clock or HostClock()
        self.engine = FakeEngine(self.clock)
        self.orchestrator = FileOrchestrator(self.engine)
        self.prober = ScriptedProber(self.clock)
        self.commands = FakeCommands()
        self.ledger = SqliteLedger(root / "state.db")
        self.outbox = Outbox(self.ledger, None, self.clock)
        self.stack = Stack("shop", "shop", self.srv, (self.compose,))
        self.checks: tuple[Check, ...] = (check("api"),)
        self.deployment = DeploymentPolicy()
        self.rollback = RollbackPolicy()
        self.page: Path | None = None
        self.clusters: Clusters = NoServer()
        self.standbys = Standbys()
        self.events: list[dict[str, Any]] = []
        self.work_done = asyncio.Event()
        self._heard = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    # what people do on this host

    def edit(self, version: str, **services: str) -> None:
        """Change the files; `services` names further services and their images."""
        images = {"backend": f"shop/backend:{version}", "web": "shop/web:1", **services}
        lines = [f"  {name}: {{image: '{image}'}}" for name, image in images.items()]
        self.compose.write_text("\n".join(["services:", *lines, ""]))
        for image in images.values():
            self.engine.images.setdefault(image, f"sha256:{image}")

    async def up(self, *services: str) -> None:
        """`docker compose up`, of what the files say now; what it makes is made now."""
        before = {c.id for c in await self.containers()}
        await self.orchestrator.up(self.stack, services, timedelta(0))
        now = self.clock.now()
        for made in await self.containers():
            if made.id not in before:
                self.engine.change(made.id, created_at=now, started_at=now)

    async def deploy(self, version: str, **services: str) -> None:
        self.edit(version, **services)
        await self.up()

    async def containers(self) -> tuple[Container, ...]:
        return await self.engine.containers("shop")

    async def running(self) -> dict[str, str]:
        return {c.service: c.image for c in await self.containers() if c.running}

    async def end(self, service: str, code: int) -> None:
        """A service ends by itself."""
        for container in await self.containers():
            if container.service == service:
                self.engine.change(container.id, state="exited", exit_code=code, finished_at=self.clock.now())

    # the guard

    def tools(self) -> Tools:
        settings = StackSettings(
            stack=self.stack,
            checks=self.checks,
            deployment=self.deployment,
            backup=BackupPolicy(self.root / "backups", disk_reserve=0),
            rollback=self.rollback,
            maintenance_page=self.page,
        )
        return Tools(settings, self._hands(), self.ledger, self.outbox, self.make_backup, NoServer())

    def _hands(self) -> Hands:
        return Hands(
            stack=self.stack,
            checks=self.checks,
            engine=self.engine,
            orchestrator=self.orchestrator,
            prober=self.prober,
            clusters=self.clusters,
            commands=self.commands,
            lock=FileLock(self.root / "locks", self.clock),
            clock=self.clock,
            incident_directory=self.root / "incidents",
            verify_timeout=timedelta(0),
            standbys=self.standbys,
        )

    async def make_backup(
        self,
        release: Release | None,
        containers: Sequence[Container],
        reason: str,
        progress: Callable[[str], None],
    ) -> Backup:
        """A real set of everything but a database."""
        stack, directory = replace(self.stack, databases=()), self.root / "backups"
        return await take(
            stack, release, containers, {}, directory, clock=self.clock, reason=reason, disk_reserve=0
        )

    async def on_guard(self) -> Guard:
        """Start a guard; it has looked around when this returns."""
        guard = Guard(self.tools())
        guard.desk.listen(self._note)
        self._task = asyncio.create_task(guard.run())
        await self.handled(guard)
        await guard.capturer.done()
        return guard

    async def at_work(self) -> None:
        """An operation that takes until `work_done`."""
        await self.work_done.wait()

    async def go_home(self, guard: Guard) -> None:
        """The guard's process ends."""
        await guard.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def reborn(self, guard: Guard) -> Guard:
        """The process ends and another one starts on the same state."""
        await self.go_home(guard)
        self.events.clear()
        return await self.on_guard()

    async def handled(self, guard: Guard, *messages: Message) -> None:
        """Put these into the inbox; they are handled and judged when this returns."""
        for message in messages:
            guard.desk.post(message)
        for _ in range(2):  # the first is answered before its batch is judged
            await guard.desk.ask(_nothing)

    async def live(self, guard: Guard, seconds: float) -> None:
        """Let time pass: checks are asked, the guard looks and judges."""
        for _ in range(round(seconds / ROUND.total_seconds())):
            self.clock.tick(ROUND)
            samples = [Probed(await self.prober.probe(c)) for c in guard.tools.settings.checks]
            await self.handled(guard, *samples, LOOK)
            await guard.capturer.done()

    async def adopted(self, version: str = "1") -> Guard:
        """A guard over a version that it has seen green for long enough."""
        await self.deploy(version)
        guard = await self.on_guard()
        await self.live(guard, 40)
        assert guard.watch.good is not None
        return guard

    # what came of it

    async def heard(self, kind: str) -> dict[str, Any]:
        """The newest event of this kind, waited for."""
        async with asyncio.timeout(LIMIT), self._heard:
            await self._heard.wait_for(lambda: self.told(kind))
        return self.told(kind)[-1]

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == kind]

    async def alerts(self) -> tuple[Alert, ...]:
        return await self.ledger.pending_alerts()

    async def titles(self) -> list[str]:
        return [alert.title for alert in await self.alerts()]

    async def newest_deployment(self) -> Deployment:
        return (await self.ledger.deployments("shop", limit=1))[0]

    def _note(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self._wake = asyncio.ensure_future(self._notify())

    async def _notify(self) -> None:
        async with self._heard:
            self._heard.notify_all()


async def _nothing() -> None:
    pass
