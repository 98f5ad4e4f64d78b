"""One operation at a time on a stack: whoever wants a turn gets it, or is told who has it.

The conductor takes turns for rollbacks, deployments and backups. A turn that `gives_way` (a verification,
which nobody needs at once) is cut when anybody else wants to act, so that a rollback never waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watchdog.clock import Clock
from watchdog.errors import Busy
from watchdog.rollback.run import Lock


@dataclass(slots=True)
class _Turn:
    """`cut_by`: what this turn gave way to."""

    doing: str
    since: datetime
    gives_way: bool
    task: asyncio.Task[Any]
    cut_by: str = ""


class Turns:
    """Of one stack; each turn holds its lock, which other processes see."""

    def __init__(self, stack: str, lock: Lock, clock: Clock) -> None:
        self._stack = stack
        self._lock = lock
        self._clock = clock
        self._turn: _Turn | None = None

    @property
    def task(self) -> asyncio.Task[Any] | None:
        """The work under way, or the last one."""
        return self._turn.task if self._turn else None

    @property
    def doing(self) -> str:
        return turn.doing if (turn := self._current) else ""

    @property
    def busy(self) -> bool:
        """Something is at work that gives way to nobody."""
        return (turn := self._current) is not None and not turn.gives_way

    @property
    def _current(self) -> _Turn | None:
        return self._turn if self._turn is not None and not self._turn.task.done() else None

    async def run(self, doing: str, work: Coroutine[Any, Any, Any], gives_way: bool = False) -> Any:
        """The work's result. Raises `Busy` where another turn is under way, or if this one gave way."""
        try:
            await self._clear_the_way(doing, gives_way)
        except BaseException:
            work.close()
            raise
        now = self._clock.now()
        turn = _Turn(doing, now, gives_way, asyncio.create_task(self._locked(doing, work)))
        self._turn = turn
        try:
            return await asyncio.shield(turn.task)
        except asyncio.CancelledError:
            if turn.cut_by and turn.task.done():
                raise Busy(f"'{doing}' gave way to '{turn.cut_by}'; try again when that has ended") from None
            raise

    async def _clear_the_way(self, doing: str, gives_way: bool) -> None:
        while (turn := self._current) is not None:
            if gives_way or not turn.gives_way:
                since = f"{turn.since.astimezone():%H:%M:%S}"
                raise Busy(f"{self._stack} is busy: '{turn.doing}' since {since}; wait for it to end")
            if not turn.cut_by:  # a second cut would hit its tidying up
                turn.cut_by = doing
                turn.task.cancel()
            await asyncio.wait([turn.task])

    async def _locked(self, doing: str, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            async with self._lock.hold(self._stack, doing):
                return await work
        finally:
            work.close()
