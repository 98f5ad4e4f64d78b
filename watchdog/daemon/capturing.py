"""Keeps the running release captured, beside the guard's own path.

Hashing takes a process, and a verdict must not wait for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from watchdog.clock import timestamp
from watchdog.daemon.watch import Identities
from watchdog.deploy.capture import Uncaptured, capture
from watchdog.errors import StepFailed, Unreachable
from watchdog.stack import ConfigFile, Container, Release

if TYPE_CHECKING:  # the guard owns it
    from watchdog.daemon.guard import Guard


class Capturer:
    """One capture at a time; what it finds is handed to the guard's own task."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._task: asyncio.Task[None] | None = None
        self._wanted = False

    def soon(self) -> None:
        """Begin, or once more after the one that is under way: it may have its answer already."""
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._capture())

    async def done(self) -> None:
        """Wait for what is under way; never from the guard's own task, which finishes it."""
        while self._task is not None and not self._task.done():
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _capture(self) -> None:
        while self._wanted:
            self._wanted = False
            self._wanted = await self._capture_once() or self._wanted

    async def _capture_once(self) -> bool:
        guard = self._guard
        hands, stack = guard.tools.hands, guard.tools.settings.stack
        identities = guard.watch.identities
        now = hands.clock.now()
        try:
            found = await capture(stack, guard.watch.containers, hands.engine, hands.orchestrator, now)
        except (Unreachable, StepFailed) as error:
            found = Uncaptured(str(error))
        return await guard.ask(lambda: self._found(found, identities))

    async def _found(self, found: Release | Uncaptured, identities: Identities) -> bool:
        """True where other containers run by now, so that it has to be done again."""
        guard = self._guard
        if identities != guard.watch.identities:
            return True
        if isinstance(found, Uncaptured):
            found = await self._captured_before() or found
        if isinstance(found, Uncaptured):
            if found.reason != guard.watch.uncaptured:
                guard.tell("release_not_captured", reason=found.reason)
            guard.watch.release, guard.watch.uncaptured = None, found.reason
            return False
        known = await guard.tools.ledger.newest_release(guard.name, found.fingerprint)
        if known is not None and _ran_then(known, guard.watch.containers):
            found = replace(found, files=_as_started(known, found))
        if known is not None and (known.files, known.services) == (found.files, found.services):
            found = known
        else:
            await guard.tools.ledger.write(found)
            if guard.watch.release is None or guard.watch.release.fingerprint != found.fingerprint:
                guard.tell("release_captured", release=found.id)
        guard.watch.release, guard.watch.uncaptured = found, ""
        named = {service.service for service in found.services}
        guard.watch.orphans = frozenset(c.service for c in guard.watch.containers if c.service not in named)
        return False

    async def _captured_before(self) -> Release | None:
        """What runs, proven while its files lay there: by now the disk may hold the next release."""
        guard = self._guard
        containers, now = guard.watch.containers, guard.tools.hands.clock.now()
        known = await guard.tools.ledger.newest_release(guard.name, guard.watch.fingerprint)
        if known is None or not _ran_then(known, containers):
            return None
        ended = {c.service: c.ended for c in containers if not c.one_off}
        services = tuple(replace(s, running=not ended[s.service]) for s in known.services)
        identity = f"{timestamp(now)}-{known.fingerprint[:8]}"
        return replace(known, id=identity, captured_at=now, services=services)


def _ran_then(known: Release, containers: tuple[Container, ...]) -> bool:
    """These containers ran already when it was captured, by whichever process of ours."""
    return all(c.started_at is None or c.started_at < known.captured_at for c in containers)


def _as_started(known: Release, found: Release) -> tuple[ConfigFile, ...]:
    """The bytes with which the containers were started, not what lies there now; and files new to us."""
    kept = {file.path: file for file in known.files}
    here = {file.path for file in found.files}
    gone = (file for file in known.files if file.path not in here)
    return (*(kept.get(file.path, file) for file in found.files), *gone)
