"""What the probes' tests put in, the small servers that they ask, and how they read a sample."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Protocol

import pytest

from watchdog.errors import Unreachable
from watchdog.health.check import Answer, Check, Probe, Sample
from watchdog.stack import Database, Engine

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Serve(Protocol):
    """Listen on a free port of loopback, with the given handler; returns the port."""

    async def __call__(
        self, handler: Handler, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> int: ...


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    servers = []

    async def start(handler: Handler, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> int:
        async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await handler(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(closing, host, 0, ssl=tls)
        servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    yield start
    for server in servers:
        server.close()


def answering(head: str, body: bytes = b"") -> Handler:
    return raw(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


def raw(answer: bytes) -> Handler:
    """Exactly these bytes, then the end of the connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return handle


class Rows:
    """A database that answers every query with the same row, or error."""

    def __init__(self) -> None:
        self.row: tuple[object, ...] | None = (1,)
        self.error: Exception | None = None

    async def __call__(self, database: Database, query: str, timeout: timedelta) -> tuple[object, ...] | None:
        if self.error is not None:
            raise self.error
        return self.row


async def late(engine: Engine, container: str, argv: Sequence[str]) -> int | None:
    """A command that does not end: asked until the engine was quick enough for that to be its own fault."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(Unreachable):
                return await engine.execute(container, argv, timedelta(seconds=1))


def check(probe: Probe, timeout: float = 5) -> Check:
    return Check("it", probe, timeout=timedelta(seconds=timeout))


def found(sample: Sample) -> tuple[Answer, str]:
    assert sample.check == "it"
    return sample.answer, sample.detail
