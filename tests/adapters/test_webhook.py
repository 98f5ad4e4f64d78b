"""The webhook against a real server on the loopback; nothing that it says may hold the URL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from watchdog.adapters.webhook import Webhook
from watchdog.alert.outbox import Response
from watchdog.errors import Unreachable

SECRET = "T000/B000/s3cret"
PAYLOAD: dict[str, object] = {"text": "täg & <x>"}


class Receiver:
    """Answers every request with the same bytes, and keeps what it got."""

    def __init__(self) -> None:
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        self.requests: list[tuple[str, bytes]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/{SECRET}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(h.split(":")[1]) for h in head.lower().splitlines() if h.startswith("content-length")
        )
        self.requests.append((head, await reader.readexactly(length)))
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()
    await server.wait_closed()


async def test_posts_the_payload_as_json(receiver: Receiver) -> None:
    assert await Webhook(receiver.url).post(PAYLOAD) == Response(200, "ok")
    [(head, body)] = receiver.requests
    assert head.startswith(f"POST /services/{SECRET} HTTP/1.1\r\n")
    assert "content-type: application/json" in head.lower()
    assert json.loads(body) == PAYLOAD


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("Retry-After: 30\r\n", timedelta(seconds=30)),
        ("", None),
        ("Retry-After: Fri, 20 Nov 2026 09:00:00 GMT\r\n", None),
    ],
)
async def test_hears_how_long_it_is_asked_to_wait(
    receiver: Receiver, header: str, pause: timedelta | None
) -> None:
    receiver.answer = f"HTTP/1.1 429 Slow\r\n{header}Content-Length: 0\r\n\r\n".encode()
    assert await Webhook(receiver.url).post(PAYLOAD) == Response(429, "", pause)


@pytest.mark.parametrize("status", [302, 400, 404, 500])
async def test_every_status_is_an_answer_and_redirects_are_not_followed(
    receiver: Receiver, status: int
) -> None:
    location = f"Location: {receiver.url}/again\r\n"
    receiver.answer = f"HTTP/1.1 {status} X\r\n{location}Content-Length: 2\r\n\r\nno".encode()
    assert await Webhook(receiver.url).post(PAYLOAD) == Response(status, "no")
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "answer", [b"", b"SMTP ready\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"]
)
async def test_half_an_answer_is_none_and_tells_no_url(receiver: Receiver, answer: bytes) -> None:
    receiver.answer = answer
    with pytest.raises(Unreachable) as raised:
        await Webhook(receiver.url).post(PAYLOAD)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:1/{SECRET}",
        f"http://nobody.invalid/{SECRET}",
        f"nonsense://{SECRET}",
        f"http://[{SECRET}",
    ],
)
async def test_nobody_there_is_unreachable_and_tells_no_url(url: str) -> None:
    with pytest.raises(Unreachable) as raised:
        await Webhook(url).post(PAYLOAD)
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None
