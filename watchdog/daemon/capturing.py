"""Keeps the running release captured, beside the guard's own path.

Hashing takes a process, and a verdict must not wait for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from watchdog.daemon.watch import Identities
from watchdog.deploy.capture import Uncaptured, capture
from watchdog.errors import StepFailed, Unreachable
from watchdog.stack import Release

if TYPE_CHECKING:  # the guard owns it
    from watchdog.daemon.guard import Guard


class Capturer:
    """One capture at a time; what it finds is handed to the guard's own task."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._task: asyncio.Task[None] | None = None
        self._started: frozenset[object] = frozenset()

    def soon(self) -> None:
        """Begin, unless one is under way."""
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
        guard = self._guard
        hands, stack = guard.tools.hands, guard.tools.settings.stack
        identities = guard.watch.identities
        now = hands.clock.now()
        try:
            found = await capture(stack, guard.watch.containers, hands.engine, hands.orchestrator, now)
        except (Unreachable, StepFailed) as error:
            found = Uncaptured(str(error))
        again = await guard.ask(lambda: self._found(found, identities))
        if again:
            await self._capture()

    async def _found(self, found: Release | Uncaptured, identities: Identities) -> bool:
        """True where other containers run by now, so that it has to be done again."""
        guard = self._guard
        if identities != guard.watch.identities:
            return True
        if isinstance(found, Uncaptured):
            if found.reason != guard.watch.uncaptured:
                guard.tell("release_not_captured", reason=found.reason)
            guard.watch.release, guard.watch.uncaptured = None, found.reason
            return False
        started = frozenset(identity[:2] for identity in identities)
        if guard.watch.release is not None and started == self._started:
            # the same containers: they were started with what was captured then, not with what lies there now
            found = replace(found, files=guard.watch.release.files)
        self._started = started
        known = await guard.tools.ledger.newest_release(guard.name, found.fingerprint)
        if known is not None and (known.files, known.services) == (found.files, found.services):
            found = known
        else:
            await guard.tools.ledger.write(found)
            if guard.watch.release is None or guard.watch.release.fingerprint != found.fingerprint:
                guard.tell("release_captured", release=found.id)
        guard.watch.release, guard.watch.uncaptured = found, ""
        return False
