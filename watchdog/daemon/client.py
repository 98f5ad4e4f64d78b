"""The client of a request: who asks, the way to them while it is carried out, and what runs at their end.

Every module that answers requests takes these; the control socket and a command without a daemon make them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from watchdog.errors import WatchdogError

Arguments = Mapping[str, Any]
"""What the request says beside command and stack, as JSON values: not yet checked."""

END_LIMIT = timedelta(seconds=30)
"""The client sends TERM and, 5 s later, KILL; one that is itself stopped must not hold up a rollback."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: process, numeric user and its name."""

    pid: int
    uid: int
    name: str

    def __str__(self) -> str:
        return f"user {self.name} (uid {self.uid})"


class Channel(Protocol):
    """The way to the client while its request is carried out."""

    def send(self, message: Mapping[str, Any]) -> None: ...

    async def receive(self) -> dict[str, Any] | None:
        """The client's next line; None once it is gone."""
        ...


class RemoteCommand:
    """The command of a deployment, which runs in the client's terminal. Fulfils `daemon.tools.Command`."""

    def __init__(self, argv: tuple[str, ...], channel: Channel) -> None:
        self.argv = argv
        self._channel = channel
        self._answer: asyncio.Task[dict[str, Any] | None] | None = None

    async def run(self, deployment: str) -> int:
        """Cancelled, it is heard all the same: `end` has to know when nothing is left."""
        self._channel.send({"run": True, "deployment": deployment})
        self._answer = asyncio.create_task(self._channel.receive())
        answer = await asyncio.shield(self._answer)
        if answer is None:
            raise WatchdogError("the terminal that ran the deployment command is gone")
        if not isinstance(code := answer.get("ended"), int):
            raise WatchdogError(str(answer.get("failed", "the deployment command could not be run")))
        return code

    async def end(self) -> None:
        self._channel.send({"end": True})
        if self._answer is not None:
            await asyncio.wait({self._answer}, timeout=END_LIMIT.total_seconds())
