"""Whose turn it is on the copies of a stack: one is made at a time, others wait for it, cut it, or drop.

Carried by the stack's hands; what is done in a turn is in `standby`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class Standbys:
    """The work on the copies of one stack: one copy is made at a time. Outlives a reload of the settings."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._timestamp = ""
        self.dropping = asyncio.Lock()

    @property
    def making(self) -> str:
        """The backup whose copy is being made now; empty where none is."""
        return "" if self._task is None or self._task.done() else self._timestamp

    def start(self, timestamp: str, work: Coroutine[Any, Any, None]) -> None:
        """Make a copy from now on; the one that is being made is cut."""
        former, self._timestamp = self._task, timestamp
        if former is not None:
            former.cancel()
        self._task = asyncio.create_task(_after(former, work), name=f"standby {timestamp}")
        self._task.add_done_callback(_log_fault)

    async def settle(self, timestamp: str) -> None:
        """Return once nobody else works on a copy: this backup's is waited for, another's is cut.

        How it went is not told: whoever waited looks at what stands.
        """
        async with self.dropping:
            pass
        if self.making not in ("", timestamp):
            await self.cut()
        elif self._task is not None:
            await asyncio.wait([self._task])

    async def cut(self) -> None:
        """End the making; what it leaves is half a copy."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


async def _after(former: asyncio.Task[None] | None, work: Coroutine[Any, Any, None]) -> None:
    try:
        if former is not None:
            await asyncio.wait([former])
        await work
    finally:
        work.close()


def _log_fault(task: asyncio.Task[None]) -> None:
    """A fault of ours: whoever waits for the copy finds none, and restores for himself."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("standby_broke_off", exc_info=error)
