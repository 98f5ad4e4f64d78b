"""A guard at its post: the guard's task and the poller of its checks, started, changed and ended together."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from watchdog.daemon.guard import Guard
from watchdog.daemon.messages import Probed
from watchdog.daemon.tools import Tools
from watchdog.health.check import Check
from watchdog.health.poller import Poller

STALLED = timedelta(minutes=2)
"""A guard that has handled no message and no tick for so long is stuck; its longest pause is 30 s."""


class Post:
    """One stack under guard, from `start` to `stop`."""

    def __init__(self, tools: Tools, acts: bool = True) -> None:
        self.guard = Guard(tools, acts)
        self.poller = self.guard.desk.asker = self._poller(tools)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self.guard.run(), name=f"guard {self.guard.name}")
        self.poller.start()

    def _poller(self, tools: Tools) -> Poller:
        hands = tools.hands
        return Poller(
            self._checks,
            hands.prober,
            hands.clock,
            lambda sample: self.guard.desk.post(Probed(sample)),
        )

    @property
    def _checks(self) -> tuple[Check, ...]:
        """In the rhythm that the guard found for them."""
        return tuple(state.check for state in self.guard.watch.checks.values())

    async def reconfigure(self, tools: Tools) -> None:
        """Guard by another configuration from now on; an open rollback keeps the hands it began with."""
        same_stack = tools.settings.stack == self.guard.tools.settings.stack
        await self.guard.desk.ask(lambda: self.guard.reconfigure(tools))
        if same_stack:
            self.poller.replace(self._checks)
            return
        await self.poller.close()
        self.poller = self.guard.desk.asker = self._poller(tools)
        self.poller.start()

    async def stop(self) -> None:
        """End the tasks. An operation under way is cut; its journal lets the next start go on."""
        await self.guard.stop()
        await self.poller.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def stuck(self) -> str | None:
        """What makes no progress although it should: the guard that ended or stalled, or a check's round."""
        if self._task is None or self._task.done():
            return f"guard {self.guard.name}"
        if self.guard.idle > STALLED:
            return f"guard {self.guard.name}"
        return next((f"check {name}" for name in self.poller.overdue()), None)
