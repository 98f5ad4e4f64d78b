"""A small world to roll back in: a project of real files, an engine in miniature, a real ledger.

Version 1 ran and was captured, version 2 was deployed over it: another image under the same tag, other files.
Everything outside is reached through `touch`, which a test replaces to watch, to fail or to die there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from tests.fakes import FakeClock, FakeCommands, FakeEngine, ScriptedProber
from tests.health.samples import check
from tests.rollback.samples import deployment
from tests.stack.project import FileOrchestrator
from watchdog.adapters.file_lock import FileLock
from watchdog.adapters.sqlite_ledger import SqliteLedger
from watchdog.backup.backup import Backup
from watchdog.database.ports import Cluster
from watchdog.deploy.capture import Uncaptured, capture
from watchdog.deploy.deployment import Deployment
from watchdog.errors import Unreachable
from watchdog.health.check import Check, Sample
from watchdog.rollback import operate
from watchdog.rollback.ledger import Record
from watchdog.rollback.operation import Operation, StepRecord
from watchdog.rollback.run import Hands
from watchdog.rollback.target import Target
from watchdog.stack import Container, Database, Release, Stack
from watchdog.stack.ports import AS_DECLARED

TICK = timedelta(milliseconds=100)
Touch = Callable[[str], Awaitable[None]]
VERSIONS = {
    "1": "services:\n  backend: {image: 'shop/backend:latest', restart: always}\n"
    "  web: {image: 'shop/web:1'}\n",
    "2": "services:\n  backend: {image: 'shop/backend:latest', restart: always, user: x}\n"
    "  web: {image: 'shop/web:1'}\n  worker: {image: 'shop/worker:2', restart: always}\n",
}


async def undisturbed(_: str) -> None:
    """Nothing happens."""


class WatchedEngine(FakeEngine):
    """Tells `touch` before it changes anything."""

    touch: Touch = staticmethod(undisturbed)

    async def stop(self, containers: Sequence[Container]) -> None:
        await self.touch("stop")
        await super().stop(containers)

    async def start(self, containers: Sequence[Container]) -> None:
        await self.touch("start")
        await super().start(containers)

    async def set_restart_policy(self, container: str, policy: str, retries: int = 0) -> None:
        await self.touch("set_restart_policy")
        await super().set_restart_policy(container, policy, retries)

    async def tag(self, image_id: str, reference: str) -> None:
        await self.touch("tag")
        await super().tag(image_id, reference)


class WatchedOrchestrator(FileOrchestrator):
    """Tells `touch` before it looks at files and before it starts anything."""

    touch: Touch = staticmethod(undisturbed)

    async def parse(self, stack: Stack, directory: Path) -> None:
        await self.touch("parse")
        await super().parse(stack, directory)

    async def config_hashes(self, stack: Stack) -> dict[str, str]:
        await self.touch("rehearse" if stack.env_files else "config_hashes")
        if stack.env_files:  # the miniature knows one place only
            [env_file] = stack.env_files
            stack = replace(stack, directory=env_file.parent)
        return dict(await super().config_hashes(stack))

    async def up(
        self,
        stack: Stack,
        services: Sequence[str],
        timeout: timedelta,
        replicas: Mapping[str, int] = AS_DECLARED,
    ) -> None:
        await self.touch("up")
        await super().up(stack, services, timeout, replicas)


class WatchedProber(ScriptedProber):
    touch: Touch = staticmethod(undisturbed)

    async def probe(self, check: Check) -> Sample:
        await self.touch("probe")
        return await super().probe(check)


class WatchedLedger(SqliteLedger):
    """Tells `touch` before and after each commit."""

    touch: Touch = staticmethod(undisturbed)

    async def write(self, *records: Record) -> None:
        await self.touch("before commit")
        await super().write(*records)
        await self.touch("after commit")


class NoServer:
    """A stack's database server that is down."""

    async def of(self, database: Database, operation: str = "") -> Cluster:
        raise Unreachable(f"service {database.service} does not run")


class World:
    """One host. `reborn` is what the next process sees of it."""

    def __init__(self, root: Path) -> None:
        self.root, self.srv = root, root / "srv"
        self.srv.mkdir(exist_ok=True)
        self.compose, self.env = self.srv / "compose.yml", self.srv / ".env"
        self.stack = Stack("shop", "shop", self.srv, (self.compose,))
        self.clock = FakeClock()
        self.engine = WatchedEngine(self.clock)
        self.orchestrator = WatchedOrchestrator(self.engine)
        self.prober = WatchedProber(self.clock)
        self.commands = FakeCommands()
        self.ledger = WatchedLedger(root / "state.db")
        self.told: list[tuple[str, str]] = []
        self.alerts_waiting = 0
        self.backup: Backup | None = None

    async def deploy(self, version: str) -> None:
        """Change the files, let the tags mean this version's images, bring it up."""
        self.compose.write_text(VERSIONS[version])
        self.env.write_text(f"VERSION={version}\n")
        self.env.chmod(0o600 if version == "1" else 0o644)
        new = {"shop/backend:latest": f"sha256:backend-{version}", "shop/worker:2": "sha256:worker"}
        kept = {f"kept/{image_id}": image_id for image_id in self.engine.images.values()}
        self.engine.images = {**kept, "shop/web:1": "sha256:web", **new}
        await self.orchestrator.up(self.stack, (), timedelta(0))

    async def while_time_passes(self, work: Coroutine[Any, Any, Operation]) -> Operation:
        """Whoever sleeps meanwhile is woken, tick by tick."""
        task = asyncio.create_task(work)
        while not task.done():
            if self.clock.sleeping:
                await self.clock.advance(TICK)
            await asyncio.sleep(0)
        return task.result()

    async def release(self) -> Release:
        found = await capture(
            self.stack, await self.containers(), self.engine, self.orchestrator, self.clock.now()
        )
        assert not isinstance(found, Uncaptured), found
        return found

    async def containers(self) -> tuple[Container, ...]:
        return await self.engine.containers("shop")

    async def change(self, service: str, **fields: object) -> None:
        """Let the container of a service be different."""
        [found] = [c for c in await self.containers() if c.service == service]
        self.engine.change(found.id, **fields)

    async def running(self) -> dict[str, str]:
        """Service to image ID, of what runs."""
        return {c.service: c.image_id for c in await self.containers() if c.running}

    def let(self, touch: Touch) -> None:
        for part in (self.engine, self.orchestrator, self.prober, self.ledger):
            part.touch = touch

    def hands(self) -> Hands:
        return Hands(
            stack=self.stack,
            checks=(check("api"),),
            engine=self.engine,
            orchestrator=self.orchestrator,
            prober=self.prober,
            clusters=NoServer(),
            commands=self.commands,
            lock=FileLock(self.root / "locks", self.clock),
            clock=self.clock,
            incident_directory=self.root / "incidents",
            verify_timeout=timedelta(0),
        )

    def tell(self, record: StepRecord) -> None:
        self.told.append((record.step, record.progress.value))

    def wake(self) -> None:
        self.alerts_waiting += 1

    @property
    def begun(self) -> list[str]:
        """The steps that were begun, in order."""
        return [step for step, progress in self.told if progress == "intent"]

    async def roll_back(
        self, target: Release, plan: str = "full", undone: Deployment | None = None
    ) -> Operation:
        request = operate.Request(
            target=Target(target, self.backup),
            plan=plan,
            actor="automatic",
            reasons=("api: HTTP 500",),
            deployment=undone or deployment(),
            failed_fingerprint="f2",
        )
        return await operate.begin(request, self.hands(), self.ledger, self.tell, self.wake)

    def reborn(self) -> Self:
        """The same disk and engine under a new process."""
        next_one = type(self)(self.root)
        next_one.stack, next_one.backup = self.stack, self.backup
        next_one.engine.projects, next_one.engine.images = self.engine.projects, self.engine.images
        return next_one

    async def resume(self, target: Release) -> Operation | None:
        """What the next start does: go on with the rollback that is open, if one is."""
        newest = await self.ledger.operations("shop", limit=1)
        if not newest or not newest[0].open:
            return None
        return await operate.resume(
            newest[0], Target(target, self.backup), self.hands(), self.ledger, self.tell, self.wake
        )


async def broken_deployment(root: Path) -> tuple[World, Release]:
    """Version 1 captured, version 2 deployed; the release to go back to."""
    world = World(root)
    await world.deploy("1")
    good = await world.release()
    await world.deploy("2")
    await world.ledger.write(good, deployment())
    return world, good
