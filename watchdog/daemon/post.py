"""A guard at its post: the guard's task and the poller of its checks, started, changed and ended together."""

from __future__ import annotations

import asyncio
import contextlib

from watchdog.daemon.guard import Guard
from watchdog.daemon.messages import Probed
from watchdog.daemon.tools import Tools
from watchdog.health.poller import Poller


class Post:
    """One stack under guard, from `start` to `stop`."""

    def __init__(self, tools: Tools) -> None:
        self.guard = Guard(tools)
        self.poller = self._poller(tools)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self.guard.run(), name=f"guard {self.guard.name}"),
            asyncio.create_task(self.poller.run(), name=f"poller {self.guard.name}"),
        ]

    def _poller(self, tools: Tools) -> Poller:
        hands = tools.hands
        return Poller(
            tools.settings.checks, hands.prober, hands.clock, lambda sample: self.guard.post(Probed(sample))
        )

    async def reconfigure(self, tools: Tools) -> None:
        """Guard by another configuration from now on; an open rollback keeps the hands it began with."""
        await self.guard.ask(lambda: self.guard.reconfigure(tools))
        self.poller.replace(tools.settings.checks, tools.hands.prober)

    async def stop(self) -> None:
        """End the tasks. An operation under way is cut; its journal lets the next start go on."""
        await self.guard.conductor.stop()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def dead(self) -> str | None:
        """The name of a task that ended although it never should."""
        return next((task.get_name() for task in self._tasks if task.done()), None)
