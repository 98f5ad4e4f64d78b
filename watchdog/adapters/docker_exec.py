"""Commands in containers, for checks: part of `docker_engine`.

The engine can begin a command and say how it ended, but not end it. So no second one is begun while the first
lives, what is late is killed from the host where that can be, and the output is never asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from watchdog.adapters.container_process import end_session
from watchdog.errors import StepFailed, Unreachable

if TYPE_CHECKING:
    from docker import APIClient

FIRST_PAUSE = timedelta(milliseconds=20)
LONGEST_PAUSE = timedelta(milliseconds=400)
"""Between two looks whether it has ended: each pause twice the one before it."""
ANSWER = timedelta(seconds=2)
ENDING = timedelta(seconds=3)
"""For killing what is late, beyond the timeout."""
NOT_EXECUTABLE = frozenset({126, 127})

Key = tuple[str, tuple[str, ...]]
T = TypeVar("T")


class Call(Protocol):
    """Makes a call to the engine in a worker thread."""

    def __call__(self, work: Callable[[APIClient], T], /) -> Awaitable[T]: ...


@dataclass(slots=True)
class _Begun:
    """A command that the engine was asked to begin. `at` is monotonic, None until it has begun."""

    id: str
    starting: asyncio.Future[None]
    at: float | None = None


class Commands:
    """All commands of one engine."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._begun: dict[Key, _Begun] = {}
        self._runs: dict[Key, asyncio.Task[int | None]] = {}

    async def execute(self, container: str, argv: Sequence[str], timeout: timedelta) -> int | None:
        """As `stack.Engine` says. Whoever asks for what is being run gets the same answer."""
        key = (container, tuple(argv))
        if key not in self._runs:  # its caller may be cancelled: what was begun is ended all the same
            task = self._runs[key] = asyncio.create_task(self._run(key, timeout))
            task.add_done_callback(partial(self._ended, key))
        return await asyncio.shield(self._runs[key])

    async def close(self) -> None:
        """End what runs."""
        runs = list(self._runs.values())
        for task in runs:
            task.cancel()
        await asyncio.gather(*runs, return_exceptions=True)

    def _ended(self, key: Key, task: asyncio.Task[int | None]) -> None:
        del self._runs[key]
        if not task.cancelled():
            task.exception()  # whoever asked may have given up

    async def _run(self, key: Key, timeout: timedelta) -> int | None:
        seconds = timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                if (earlier := self._begun.get(key)) is not None and await self._lives(earlier):
                    return None
                return await self._to_the_end(key)
        except TimeoutError:
            if await self._had(key, seconds / 2):
                return None
            text = "the engine took too long over a command; look at `systemctl status docker`"
            raise Unreachable(text) from None
        finally:
            await self._end(key)

    async def _had(self, key: Key, seconds: float) -> bool:
        """The command had so much time, and the engine answers: it is the command that is late."""
        begun = self._begun.get(key)
        if begun is None or begun.at is None or time.monotonic() - begun.at < seconds:
            return False
        try:
            async with asyncio.timeout(ANSWER.total_seconds()):
                await self._lives(begun)
        except (TimeoutError, Unreachable):
            return False
        return True

    async def _to_the_end(self, key: Key) -> int:
        container, argv = key
        command = await self._call(partial(_create, container=container, argv=argv))
        starting = asyncio.ensure_future(self._call(partial(_start, command=command)))
        starting.add_done_callback(lambda done: done.cancelled() or done.exception())
        begun = self._begun[key] = _Begun(command, starting)
        await asyncio.shield(starting)
        begun.at, pause = time.monotonic(), FIRST_PAUSE
        while (found := await self._call(partial(_inspect, command=command)))["ExitCode"] is None:
            await asyncio.sleep(pause.total_seconds())
            pause = min(2 * pause, LONGEST_PAUSE)
        return int(found["ExitCode"])

    async def _end(self, key: Key) -> None:
        """Forget what has ended, and kill what has not; what cannot be killed is remembered."""
        begun = self._begun.get(key)
        if begun is None:
            return
        with contextlib.suppress(TimeoutError, Unreachable, StepFailed):
            async with asyncio.timeout(ENDING.total_seconds()):
                pause = FIRST_PAUSE
                while await self._lives(begun, kill=True):
                    await asyncio.sleep(pause.total_seconds())
                    pause = min(2 * pause, LONGEST_PAUSE)
                self._begun.pop(key, None)

    async def _lives(self, begun: _Begun, kill: bool = False) -> bool:
        """It runs, or its start is still under way."""
        if not begun.starting.done():
            return True
        return await self._call(partial(_lives, command=begun.id, kill=kill))


def _create(client: APIClient, container: str, argv: Sequence[str]) -> str:
    created = client.exec_create(container, list(argv), stdout=False, stderr=False)
    return str(created["Id"])


def _start(client: APIClient, command: str) -> None:
    """What cannot be executed is an error to the engine, which notes an exit code all the same."""
    from docker.errors import APIError

    try:
        client.exec_start(command, detach=True)
    except APIError:
        if client.exec_inspect(command)["ExitCode"] not in NOT_EXECUTABLE:
            raise


def _inspect(client: APIClient, command: str) -> dict[str, Any]:
    return client.exec_inspect(command)


def _lives(client: APIClient, command: str, kill: bool) -> bool:
    """A command that the engine has forgotten ended with its container."""
    from docker.errors import APIError

    try:
        found = client.exec_inspect(command)
    except APIError as error:
        if error.status_code == HTTPStatus.NOT_FOUND:
            return False
        raise
    if found["Running"] and kill and found["Pid"]:
        left = end_session(found["Pid"], found["ContainerID"])
        if left:
            _kill_within(client, found["ContainerID"], left)
    return bool(found["Running"])


def _kill_within(client: APIClient, container: str, processes: Sequence[int]) -> None:
    """As the container's own user, by its shell's own `kill`; where it has no shell, they live on."""
    from docker.errors import APIError

    argv = ["sh", "-c", f"kill -9 {' '.join(map(str, processes))}"]
    with contextlib.suppress(APIError):
        client.exec_start(_create(client, container, argv), detach=True)
