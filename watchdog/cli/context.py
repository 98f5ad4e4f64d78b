"""What every command begins with: the configuration, the stack meant, and a line to who executes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from watchdog import errors
from watchdog.errors import ConfigError, Refused, UsageError, WatchdogError

if TYPE_CHECKING:  # imported where they are needed: a command that only talks to the daemon starts fast
    from watchdog.app import Application
    from watchdog.daemon.client import Caller
    from watchdog.settings.build import StackSettings
    from watchdog.settings.load import Configuration

LINE_LIMIT = 16 * 1024 * 1024
SOCKET_VARIABLE = "OPS_WATCHDOG_SOCKET"
DEFAULT_SOCKET = "/run/ops-watchdog/control.sock"
"""As in `settings.sections`, for whoever cannot read the configuration."""


class Conversation(Protocol):
    """One request under way, with the daemon or in this process."""

    def send(self, message: Mapping[str, Any]) -> None: ...

    async def receive(self) -> dict[str, Any] | None: ...


class Context:
    """Made once per command; reads the configuration when it is first needed.

    `alone`: no daemon answered, so the last request was carried out in this process.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._configuration: Configuration | None = None
        self.alone = False

    @property
    def configuration(self) -> Configuration:
        if self._configuration is None:
            self._configuration = self.read()
        return self._configuration

    def read(self) -> Configuration:
        """Raises `ConfigError` with every fault."""
        from watchdog.settings.load import load

        return load(self._path, os.environ)

    def stack(self, name: str | None) -> StackSettings:
        """The stack of that name; it may be left out where there is one."""
        stacks = self.configuration.stacks
        if name is None and len(stacks) == 1:
            return stacks[0]
        names = ", ".join(settings.stack.name for settings in stacks)
        if name is None:
            raise UsageError(f"name a stack with --stack: {names}")
        found = next((settings for settings in stacks if settings.stack.name == name), None)
        if found is None:
            raise UsageError(f"there is no stack {name!r}; the configuration has {names}")
        return found

    def names(self) -> list[str | None]:
        """Of every stack; one without a name where only the daemon can read the configuration."""
        try:
            return [settings.stack.name for settings in self.configuration.stacks]
        except ConfigError:
            if os.geteuid() == 0:
                raise
            return [None]

    def application(self) -> Application:
        from watchdog.app import Application

        application = Application(self.configuration)
        application.log_for_a_command()
        return application

    @contextlib.asynccontextmanager
    async def converse(self, request: Mapping[str, Any]) -> AsyncIterator[Conversation]:
        """With the daemon where one answers, else in this process by the same functions.

        A member of the group ops-watchdog may use the socket without being able to read what root configured.
        """
        try:
            settings = self.stack(request.get("stack"))
            path = self.configuration.settings.socket
            request = {**request, "stack": settings.stack.name}
        except ConfigError:
            path = Path(os.environ.get(SOCKET_VARIABLE, DEFAULT_SOCKET))
            if os.geteuid() == 0 or not path.exists():
                raise
        try:
            reader, writer = await asyncio.open_unix_connection(path, limit=LINE_LIMIT)
        except PermissionError as error:
            raise Refused(f"{path}: you may not talk to the daemon; join the group ops-watchdog") from error
        except OSError:
            from watchdog.daemon.lone import converse

            settings = self.stack(request.get("stack"))
            self.alone = True
            application = self.application()
            async with application, converse(application, settings, request, _myself()) as near:
                yield near
            return
        line = SocketLine(reader, writer)
        line.send(request)
        try:
            yield line
        finally:
            writer.close()


class SocketLine:
    """The conversation with the daemon."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, message: Mapping[str, Any]) -> None:
        self._writer.write(json.dumps(message).encode() + b"\n")

    async def receive(self) -> dict[str, Any] | None:
        with contextlib.suppress(ConnectionError):
            line = await self._reader.readline()
            return json.loads(line) if line else None
        return None


def _myself() -> Caller:
    from watchdog.daemon.client import Caller

    uid = os.getuid()
    with contextlib.suppress(KeyError):
        return Caller(os.getpid(), uid, pwd.getpwuid(uid).pw_name)
    return Caller(os.getpid(), uid, str(uid))


def raise_error(message: Mapping[str, Any]) -> None:
    """Raise again here what the other side could not do, so that the exit code is the same."""
    if (error := message.get("raise")) is not None:
        raise error
    if (told := message.get("error")) is not None:
        kind = getattr(errors, str(told.get("kind")), WatchdogError)
        raise kind(str(told.get("message")))
