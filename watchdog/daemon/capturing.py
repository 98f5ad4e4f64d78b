"""Keeps the running release captured, beside the guard's own path.

Hashing takes a process, and a verdict must not wait for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from watchdog.daemon.desk import Desk
from watchdog.daemon.observing import notice_files
from watchdog.daemon.watch import Identities
from watchdog.deploy.capture import Uncaptured, capture, captured_before
from watchdog.deploy.uncovered import as_started
from watchdog.errors import StepFailed, Unreachable
from watchdog.stack import Release


class Capturer:
    """One capture at a time; what it finds is handed to the guard's own task."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
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
        desk = self._desk
        hands, stack = desk.tools.hands, desk.tools.settings.stack
        identities = desk.watch.identities
        now = hands.clock.now()
        try:
            found = await capture(stack, desk.watch.containers, hands.engine, hands.orchestrator, now)
        except (Unreachable, StepFailed) as error:
            found = Uncaptured(str(error))
        return await desk.ask(lambda: self._found(found, identities))

    async def _found(self, found: Release | Uncaptured, identities: Identities) -> bool:
        """True where other containers run by now, so that it has to be done again."""
        desk = self._desk
        if identities != desk.watch.identities:
            return True
        if isinstance(found, Uncaptured):
            found = await self._captured_before() or found
        if isinstance(found, Uncaptured):
            if found.reason != desk.watch.uncaptured:
                desk.tell("release_not_captured", reason=found.reason)
            desk.watch.release, desk.watch.uncaptured = None, found.reason
            return False
        known = await desk.tools.ledger.newest_release(desk.name, found.fingerprint)
        if known is not None:
            found = replace(found, files=as_started(known, found, desk.watch.containers))
        if known is not None and (known.files, known.services) == (found.files, found.services):
            found = known
        else:
            await desk.tools.ledger.write(found)
            if desk.watch.release is None or desk.watch.release.fingerprint != found.fingerprint:
                desk.tell("release_captured", release=found.id)
        desk.watch.release, desk.watch.uncaptured = found, ""
        named = {service.service for service in found.services}
        desk.watch.orphans = frozenset(c.service for c in desk.watch.containers if c.service not in named)
        if known is not None:
            await notice_files(desk, known, found)
        return False

    async def _captured_before(self) -> Release | None:
        """What runs, proven while its files lay there: by now the disk may hold the next release."""
        desk = self._desk
        containers, now = desk.watch.containers, desk.tools.hands.clock.now()
        known = await desk.tools.ledger.newest_release(desk.name, desk.watch.fingerprint)
        return captured_before(desk.tools.settings.stack, known, containers, now) if known else None
