"""A command without a daemon: the same guard in the caller's own process, for as long as the command takes.

It works under the same lock and with the same functions; what it leaves open the next process finishes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from watchdog.daemon.client import Caller
from watchdog.daemon.messages import Hint
from watchdog.daemon.post import Post
from watchdog.daemon.requests import ACTING, REQUESTS
from watchdog.daemon.tools import Workshop
from watchdog.errors import Refused, UsageError, WatchdogError
from watchdog.settings.build import StackSettings


class Pipe:
    """One end of an in-process conversation: what one end sends, the other receives."""

    def __init__(self, outgoing: asyncio.Queue[Any], incoming: asyncio.Queue[Any]) -> None:
        self._outgoing = outgoing
        self._incoming = incoming

    def send(self, message: Mapping[str, Any]) -> None:
        self._outgoing.put_nowait(dict(message))

    async def receive(self) -> dict[str, Any] | None:
        return await self._incoming.get()  # type: ignore[no-any-return]


def pipe() -> tuple[Pipe, Pipe]:
    """Both ends."""
    there: asyncio.Queue[Any] = asyncio.Queue()
    back: asyncio.Queue[Any] = asyncio.Queue()
    return Pipe(there, back), Pipe(back, there)


@contextlib.asynccontextmanager
async def converse(
    workshop: Workshop, settings: StackSettings, request: Mapping[str, Any], caller: Caller
) -> AsyncIterator[Pipe]:
    """Carry out one request and yield the client's end; its answer ends with `result` or an error raised."""
    handler = REQUESTS.get(str(request["command"]))
    if handler is None:
        raise UsageError(f"{request['command']} needs the daemon")
    near, far = pipe()
    post = Post(workshop.tools(settings), acts=request["command"] in ACTING and not request.get("plan"))
    post.start()
    listening = asyncio.create_task(_listen(workshop, post))
    arguments = {key: value for key, value in request.items() if key not in {"command", "stack"}}

    async def serve() -> None:
        try:
            try:
                result = await handler(post.guard, arguments, far, caller)
            except WatchdogError:
                await _settled(post)
                raise
            await _settled(post)
            far.send({"result": result})
        except BaseException as error:
            far.send({"raise": error})
            raise

    serving = asyncio.create_task(serve())
    try:
        yield near
    finally:
        await _end(post, [serving, listening])
        await workshop.outbox.deliver_due()


async def _settled(post: Post) -> None:
    """What was begun beside the request must not be cut; the guard begins it after its answer, also a no."""
    if post.guard.acts:
        with contextlib.suppress(Refused):  # an unusable state: nothing was begun
            await post.guard.desk.ask(_nothing)
    await post.guard.desk.work.at_rest()
    await post.guard.preparer.at_rest()
    await post.guard.aftercare.accounted()


async def _nothing() -> None:
    """Answered once everything before it has been handled."""


async def _listen(workshop: Workshop, post: Post) -> None:
    project = post.guard.tools.settings.stack.project
    async for event in workshop.events().stream():
        if event.project in ("", project):
            post.guard.desk.post(Hint(event))


async def _end(post: Post, tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await post.stop()
