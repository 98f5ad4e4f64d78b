"""Honest small stand-ins for the ports, for every test that needs no real engine, database or clock.

They keep state and obey the ports' contracts (what is gone is fine, what is unknown is left out), and record
the verbs that were called. Nothing here is patched into anything: pass them where a port is wanted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from watchdog.clock import Clock, Uptime
from watchdog.errors import Refused, StepFailed, Unreachable
from watchdog.health.check import Answer, Check, Sample
from watchdog.stack import Container, Event, Health, Stack
from watchdog.stack.ports import AS_DECLARED

MORNING = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
"""Where a `FakeClock` starts unless told otherwise."""


class FakeClock:
    """Time that stands still until `advance`; sleepers wake in order, each at its own instant."""

    def __init__(self, start: datetime = MORNING) -> None:
        self._now = start
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def uptime(self) -> Uptime:
        return Uptime("boot", self._monotonic)

    async def sleep(self, duration: timedelta) -> None:
        seconds = duration.total_seconds()
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._monotonic + seconds, woken))
        await woken

    async def advance(self, duration: timedelta) -> None:
        """Move on by `duration`; whoever sleeps until then runs before this returns."""
        await settle()
        end = self._monotonic + duration.total_seconds()
        while due := [s for s in self._sleepers if s[0] <= end]:
            first = min(due, key=lambda sleeper: sleeper[0])
            self._sleepers.remove(first)
            self._move(first[0])
            if not first[1].done():
                first[1].set_result(None)
            await settle()
        self._move(end)
        await settle()

    def tick(self, duration: timedelta) -> None:
        """Move on without waking anybody, for code that only reads the time."""
        self._move(self._monotonic + duration.total_seconds())

    @property
    def sleeping(self) -> int:
        """How many tasks wait for time to pass."""
        return sum(not woken.done() for _, woken in self._sleepers)

    def _move(self, monotonic: float) -> None:
        self._now += timedelta(seconds=max(0.0, monotonic - self._monotonic))
        self._monotonic = max(self._monotonic, monotonic)


async def settle(rounds: int = 20) -> None:
    """Let every task that can run without time passing do so."""
    for _ in range(rounds):
        await asyncio.sleep(0)


class FakeEngine:
    """Containers and images in dictionaries. Set `unreachable` and every verb raises `Unreachable`.

    `calls` lists what was asked to change, as tuples: ("stop", name, …), ("start", name, …), ("restart", id),
    ("set_restart_policy", id, policy, retries), ("tag", image_id, reference), ("pull", digest),
    ("execute", id, argument, …). `commands`: argv to exit code, None for one that does not end.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock: Clock = clock or FakeClock()
        self.projects: dict[str, list[Container]] = {}
        self.images: dict[str, str] = {}
        self.digests: dict[str, tuple[str, ...]] = {}
        self.registry: dict[str, str] = {}
        self.written: dict[str, list[str]] = {}
        self.inside: dict[tuple[str, str], bytes] = {}
        self.commands: dict[tuple[str, ...], int | None] = {}
        self.calls: list[tuple[object, ...]] = []
        self.unreachable = False

    def put(self, project: str, *containers: Container) -> None:
        """Let these be there, in place of those of the same ID; their images become known."""
        ids = {c.id for c in containers}
        kept = [c for c in self.projects.get(project, []) if c.id not in ids]
        self.projects[project] = [*kept, *containers]
        for container in containers:
            self.images.setdefault(container.image, container.image_id)

    def remove(self, container: str) -> None:
        """Let a container be gone, by ID."""
        for project, containers in self.projects.items():
            self.projects[project] = [c for c in containers if c.id != container]

    def change(self, container: str, **fields: object) -> None:
        """Replace fields of one container, by ID."""
        for project, containers in self.projects.items():
            self.projects[project] = [
                replace(c, **fields) if c.id == container else c  # type: ignore[arg-type]
                for c in containers
            ]

    async def containers(self, project: str) -> tuple[Container, ...]:
        self._reach()
        return tuple(self.projects.get(project, ()))

    async def stop(self, containers: Sequence[Container]) -> None:
        self._act("stop", *(c.name for c in containers))
        for container in self._known(containers):
            if container.state in {"running", "restarting"}:
                self.change(container.id, state="exited", exit_code=143, finished_at=self._clock.now())

    async def start(self, containers: Sequence[Container]) -> None:
        self._act("start", *(c.name for c in containers))
        known = self._known(containers)
        if gone := {c.name for c in containers} - {c.name for c in known}:
            raise StepFailed(f"container {min(gone)} does not exist")
        for container in known:
            if not container.running:
                self.change(
                    container.id, state="running", exit_code=0, finished_at=None, started_at=self._clock.now()
                )

    async def restart(self, container: str) -> None:
        self._act("restart", container)
        for one in [c for p in self.projects.values() for c in p if c.id == container]:
            health = Health.NONE if one.health is Health.NONE else Health.STARTING
            self.change(container, health=health, state="running", exit_code=0, restart_count=0)
            self.change(container, started_at=self._clock.now())

    async def set_restart_policy(self, container: str, policy: str, retries: int = 0) -> None:
        self._act("set_restart_policy", container, policy, retries)
        self.change(container, restart_policy=policy, restart_retries=retries)

    async def image_ids(self, references: Iterable[str]) -> Mapping[str, str]:
        self._reach()
        ids = set(self.images.values())
        known = {**self.images, **{image_id: image_id for image_id in ids}}
        return {r: known[r] for r in references if r in known}

    async def repo_digests(self, image_id: str) -> tuple[str, ...]:
        self._reach()
        return self.digests.get(image_id, ())

    async def tag(self, image_id: str, reference: str) -> None:
        self._act("tag", image_id, reference)
        if image_id not in self.images.values():
            raise StepFailed(f"image {image_id} is not on this host")
        self.images[reference] = image_id

    async def pull(self, digest: str) -> str:
        self._act("pull", digest)
        if digest not in self.registry:
            raise StepFailed(f"cannot pull {digest}: not found in the registry")
        self.images[digest] = self.registry[digest]
        return self.registry[digest]

    async def read_file(self, container: str, path: str) -> bytes | None:
        self._reach()
        return self.inside.get((container, path))

    async def logs(self, container: str, lines: int) -> str:
        self._reach()
        return "".join(f"{line}\n" for line in self.written.get(container, [])[-lines:])

    async def execute(self, container: str, argv: Sequence[str], timeout: timedelta) -> int | None:
        self._act("execute", container, *argv)
        if not any(c.id == container and c.running for p in self.projects.values() for c in p):
            raise StepFailed(f"container {container} does not run")
        return self.commands.get(tuple(argv), 126)

    def _known(self, containers: Iterable[Container]) -> list[Container]:
        ids = [c.id for c in containers]
        here = {c.id: c for project in self.projects.values() for c in project}
        return [here[i] for i in ids if i in here]

    def _act(self, *call: object) -> None:
        self._reach()
        self.calls.append(call)

    def _reach(self) -> None:
        if self.unreachable:
            raise Unreachable("the engine does not answer")


class FakeOrchestrator:
    """Hashes as set in `hashes`; `up` starts the engine's stopped containers of those services."""

    def __init__(self, engine: FakeEngine | None = None) -> None:
        self.engine = engine
        self.hashes: dict[str, str] = {}
        self.refusal: str | None = None
        self.calls: list[tuple[object, ...]] = []

    async def config_hashes(self, stack: Stack) -> Mapping[str, str]:
        self._obey()
        return dict(self.hashes)

    async def images(self, stack: Stack) -> Mapping[str, str]:
        self._obey()
        return {service: f"{service}:1" for service in self.hashes}

    async def parse(self, stack: Stack, directory: Path) -> None:
        self.calls.append(("parse", stack.name, directory))
        self._obey()

    async def up(
        self,
        stack: Stack,
        services: Sequence[str],
        timeout: timedelta,
        replicas: Mapping[str, int] = AS_DECLARED,
    ) -> None:
        self.calls.append(("up", stack.name, *services))
        self._obey()
        if self.engine is not None:
            here = await self.engine.containers(stack.project)
            wanted = [c for c in here if not services or c.service in services]
            await self.engine.start([c for c in wanted if not c.running])

    def _obey(self) -> None:
        """Set `refusal` to a message and every verb fails with it."""
        if self.refusal is not None:
            raise StepFailed(self.refusal)


class FakeCommands:
    """Deployments' commands: `outlives` is what no `end` can end; `ended` lists what was asked for."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.outlives = ""

    async def end(self, deployment: str) -> None:
        self.ended.append(deployment)
        if self.outlives:
            raise Refused(self.outlives)


class FakeEvents:
    """A stream of the events that a test puts in; `feed` may be called before or while somebody reads."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Event] = asyncio.Queue()

    def feed(self, *events: Event) -> None:
        for event in events:
            self._queue.put_nowait(event)

    async def stream(self) -> AsyncIterator[Event]:
        while True:
            yield await self._queue.get()


class ScriptedProber:
    """Answers each check from its script, the last answer for ever after; OK where nothing is scripted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scripts: dict[str, list[tuple[Answer, str]]] = {}
        self.asked: list[tuple[str, datetime]] = []

    def script(self, check: str, *answers: Answer | tuple[Answer, str]) -> None:
        """What the check will be answered from now on: answers, or (answer, detail) pairs."""
        self._scripts[check] = [a if isinstance(a, tuple) else (a, "") for a in answers]

    async def probe(self, check: Check) -> Sample:
        self.asked.append((check.name, self._clock.now()))
        script = self._scripts.get(check.name) or [(Answer.OK, "")]
        answer, detail = script.pop(0) if len(script) > 1 else script[0]
        return Sample(check=check.name, at=self._clock.now(), answer=answer, detail=detail)
