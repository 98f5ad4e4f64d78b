"""What of ours is under way on one stack: the turn that holds it, and the tasks that nobody else holds."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from watchdog.daemon.turns import Turns


class Work:
    """Of one guard; written by its conductor, read by everybody around it.

    `decided`: a rollback begins as soon as the stack is free. `rolling_back`: it changes containers now.
    `commanding`: the command of a deployment runs.
    `announced`: an announced deployment is under way, from its opening until its command's end is noted.
    """

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._children: set[asyncio.Task[Any]] = set()
        self.decided = self.rolling_back = self.commanding = self.announced = False

    @property
    def busy(self) -> bool:
        """An operation of ours is at work now that nothing may cut."""
        return self._turns.busy

    @property
    def doing(self) -> str:
        return self._turns.doing

    @property
    def changing(self) -> bool:
        """Containers come and go by our doing now: a rollback, or the command of a deployment."""
        return self.rolling_back or self.commanding

    @property
    def ours(self) -> bool:
        """What changes now is our doing, and is taken for granted as soon as it has ended."""
        return self.rolling_back or self.announced

    async def run(self, doing: str, work: Coroutine[Any, Any, Any], gives_way: bool = False) -> Any:
        """Do one thing under the stack's lock (see `Turns.run`). Raises `Busy` where another is under way."""
        return await self._turns.run(doing, work, gives_way)

    def keep(self, work: Coroutine[Any, Any, Any]) -> None:
        """Carry it out beside everything else; the loop holds tasks weakly only."""
        task = asyncio.create_task(work)
        self._children.add(task)
        task.add_done_callback(self._children.discard)

    async def at_rest(self) -> None:
        """Wait until nothing of ours is at work any more."""
        while tasks := [task for task in self._tasks() if not task.done()]:
            await asyncio.wait(tasks)

    async def cut(self) -> None:
        """End what is under way: the journal lets the next start go on."""
        tasks = self._tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _tasks(self) -> list[asyncio.Task[Any]]:
        return [*self._children, *([self._turns.task] if self._turns.task else [])]
