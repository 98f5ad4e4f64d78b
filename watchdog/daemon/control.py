"""The control socket: the command line talks to the daemon in JSON lines, and the daemon executes.

A client sends one request, `{"command": …, "stack": …, …}`, and reads lines until `{"result": …}` or
`{"error": …}`; in between come `{"progress": …}`. For `deploy` the client runs the command itself: it gets
`{"run": true}` and answers `{"ended": exit code}`; `{"end": true}` asks it to end the command at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import json
import os
import pwd
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from watchdog.daemon.client import Caller
from watchdog.daemon.guard import Guard
from watchdog.daemon.requests import REQUESTS
from watchdog.errors import Refused, UsageError, WatchdogError

log = structlog.get_logger(__name__)

GROUP = "ops-watchdog"
LINE_LIMIT = 1024 * 1024
MODE = 0o660


class Connection:
    """One client. Fulfils `client.Channel`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, message: Mapping[str, Any]) -> None:
        """Queue one line; a client that is gone is noticed when something is read from it."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message, default=str).encode() + b"\n")

    async def receive(self) -> dict[str, Any] | None:
        """The next line, None at the end. Raises `UsageError` for what is not a JSON object."""
        try:
            line = await self._reader.readline()
        except (ConnectionError, ValueError):
            return None
        if not line:
            return None
        try:
            message = json.loads(line)
        except ValueError as error:
            raise UsageError("the control socket takes one JSON object a line") from error
        if not isinstance(message, dict):
            raise UsageError("the control socket takes one JSON object a line")
        return message

    def caller(self) -> Caller:
        """Who is at the other end, by SO_PEERCRED: the kernel's word, not the client's."""
        channel = self._writer.get_extra_info("socket")
        raw = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _gid = struct.unpack("3i", raw)
        return Caller(pid, uid, _user_name(uid))


class ControlServer:
    """Listens while the daemon runs. `guards` is shared with the supervisor, which changes it on reload."""

    def __init__(self, path: Path, guards: Mapping[str, Guard]) -> None:
        self._path = path
        self._guards = guards
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Raises `Refused` where another daemon answers on the socket, or it cannot be made."""
        if await _answers(self._path):
            raise Refused(f"another ops-watchdog daemon answers on {self._path}; stop that one first")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._accept, self._path, limit=LINE_LIMIT)
            os.chmod(self._path, MODE)
            with contextlib.suppress(KeyError):
                os.chown(self._path, -1, grp.getgrnam(GROUP).gr_gid)
        except OSError as error:
            raise Refused(f"the control socket {self._path} cannot be made: {error.strerror}") from error

    async def stop(self) -> None:
        """Clients that still wait are told that the daemon stops."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.create_task(self._serve(reader, writer))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        try:
            connection.send({"result": await self._answer(connection)})
        except WatchdogError as error:
            connection.send({"error": {"kind": type(error).__name__, "message": str(error)}})
        except asyncio.CancelledError:
            told = "the daemon stops; 'ops-watchdog status' shows where this stands once it runs again"
            connection.send({"error": {"kind": "Unreachable", "message": told}})
            raise
        except Exception:  # one client's fault must not end the daemon
            log.exception("control_request_failed")
            connection.send(
                {"error": {"kind": "WatchdogError", "message": "internal error; see the journal"}}
            )
        finally:
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            writer.close()

    async def _answer(self, connection: Connection) -> Any:
        request = await connection.receive()
        if request is None:
            return None
        command = str(request.pop("command", ""))
        handler = REQUESTS.get(command)
        if handler is None:
            raise UsageError(f"unknown command {command!r}; this daemon knows {', '.join(sorted(REQUESTS))}")
        caller = connection.caller()
        guard = self._guard(request.pop("stack", None)) if command != "ping" else None
        return await handler(guard, request, connection, caller)

    def _guard(self, name: object) -> Guard:
        """The guard of a stack; the name may be left out where there is one."""
        if name is None and len(self._guards) == 1:
            return next(iter(self._guards.values()))
        if name is None:
            raise UsageError(f"name a stack with --stack: {', '.join(sorted(self._guards))}")
        guard = self._guards.get(str(name))
        if guard is None:
            raise UsageError(f"there is no stack {name!r}; the configuration has {', '.join(self._guards)}")
        return guard


async def _answers(path: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
