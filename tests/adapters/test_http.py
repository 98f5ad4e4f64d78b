"""What a request says about itself, on the loopback. Answers of every kind are in `test_probes_http`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from watchdog.adapters.http import HttpClient


class Listener:
    """Keeps the heads of the requests, in lower case, and sets a cookie with each answer."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.port = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(b"HTTP/1.1 204 No Content\r\nSet-Cookie: session=1\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    server = await asyncio.start_server(listener.handle, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    yield listener
    server.close()


async def ask(client: HttpClient, listener: Listener, who: str = "") -> str:
    await client.get(f"http://{who}127.0.0.1:{listener.port}/", timedelta(seconds=5))
    return listener.heads[-1]


async def test_names_itself_and_keeps_no_connection(listener: Listener) -> None:
    head = await ask(HttpClient(), listener)
    assert "user-agent: ops-watchdog\r\n" in head
    assert "connection: close\r\n" in head


async def test_logs_in_with_the_name_and_password_of_the_url(listener: Listener) -> None:
    head = await ask(HttpClient(), listener, who="monitor:pa%20ss@")
    assert "authorization: basic bw9uaxrvcjpwysbzcw==\r\n" in head


async def test_carries_nothing_from_one_request_to_the_next(listener: Listener) -> None:
    client = HttpClient()
    await ask(client, listener)
    assert "cookie" not in await ask(client, listener)
