"""Carries one request to its end: prints progress, runs a deployment's command here, returns the result."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Protocol

from watchdog.cli.context import Context, Conversation, raise_error
from watchdog.cli.lines import Printer
from watchdog.daemon.tools import Command
from watchdog.errors import Unreachable, WatchdogError


class Files(Protocol):
    """Takes the files that the daemon sends."""

    def take(self, message: Mapping[str, Any]) -> None: ...


async def talk(
    context: Context,
    request: Mapping[str, Any],
    printer: Printer,
    command: Command | None = None,
    files: Files | None = None,
) -> Any:
    """The request's result. Raises what the daemon could not do, or `Unreachable` where it went away."""
    async with context.converse(request) as conversation:
        running: asyncio.Task[None] | None = None
        try:
            while (message := await conversation.receive()) is not None:
                if "result" in message:
                    return message["result"]
                raise_error(message)
                if "progress" in message:
                    printer.progress(message["progress"])
                elif "run" in message and command is not None:
                    running = asyncio.create_task(_run(command, message, conversation))
                elif "end" in message and command is not None:
                    await command.end()
                elif "file" in message and files is not None:
                    files.take(message)
                    conversation.send({"taken": message["file"]})
        finally:
            await _finish(running)
    raise Unreachable("the daemon went away; see 'ops-watchdog status' and 'journalctl -u ops-watchdog'")


async def _run(command: Command, message: Mapping[str, Any], conversation: Conversation) -> None:
    """A daemon that is older than this command names no deployment."""
    try:
        conversation.send({"ended": await command.run(str(message.get("deployment", "")))})
    except WatchdogError as error:
        conversation.send({"failed": str(error)})


async def _finish(running: asyncio.Task[None] | None) -> None:
    """A command still running is not left alone half-way because the daemon died: wait for it."""
    if running is not None:
        with contextlib.suppress(asyncio.CancelledError):
            await running
