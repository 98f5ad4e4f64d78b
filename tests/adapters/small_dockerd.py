"""A dockerd in miniature on a Unix socket: speaks /version and /events, and nothing else.

In a test's own loop as `SmallDockerd`; as a program (`small_dockerd.py SOCKET COUNT`) it tells a burst.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from watchdog.adapters.docker_events import DockerEvents
from watchdog.stack import Event

RAW: dict[str, Any] = {
    "Type": "container",
    "Action": "die",
    "Actor": {
        "ID": "66b8",
        "Attributes": {
            "com.docker.compose.project": "shop",
            "com.docker.compose.service": "backend",
            "exitCode": "3",
        },
    },
    "time": 1795360000,
    "timeNano": 1795360000123456789,
}


def line(at_ns: int, action: str = "die", container: str = "66b8", **attributes: str) -> bytes:
    actor = {"ID": container, "Attributes": {**RAW["Actor"]["Attributes"], **attributes}}
    return json.dumps({**RAW, "Action": action, "timeNano": at_ns, "Actor": actor}).encode() + b"\n"


CONTAINERS = 50
TURNS = ("kill", "start", "die")


class SmallDockerd:
    """One scripted stream a connection: its chunks, then its end; None, and what is not scripted, stays open.

    `asked` is the query of each request for such a stream and `asked_at` its time (monotonic). Who asks for
    what is over (`until`) gets `past`. While `answering` is not set, nothing is answered any more.
    """

    def __init__(self, *streams: Sequence[bytes | None]) -> None:
        self.asked: list[dict[str, str]] = []
        self.asked_at: list[float] = []
        self.past: Sequence[bytes | None] = ()
        self.answering = asyncio.Event()
        self.answering.set()
        self.over = asyncio.Event()
        self._streams = list(streams)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while target := (await self._request(reader)):
                await self._until_answering()
                if "/version" in target:
                    body = b'{"ApiVersion": "1.45"}'
                    writer.write(_head(f"Content-Length: {len(body)}") + body)
                    continue
                if not await self._events(target, writer):
                    break
        writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> str:
        """What is asked for, or nothing at the connection's end."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (found := await reader.readline()):
                return ""
            head += found
        return head.decode().split(" ")[1]

    async def _until_answering(self) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (self.answering, self.over)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _events(self, target: str, writer: asyncio.StreamWriter) -> bool:
        """True where the connection may be used again."""
        query = {name: value for name, (value,) in parse_qs(urlsplit(target).query).items()}
        writer.write(_head("Transfer-Encoding: chunked"))
        if "until" in query:
            await self._send(self.past, writer)
            writer.write(b"0\r\n\r\n")
            return True
        self.asked.append(query)
        self.asked_at.append(time.monotonic())
        await self._send(self._streams.pop(0) if self._streams else [None], writer)
        return False

    async def _send(self, chunks: Sequence[bytes | None], writer: asyncio.StreamWriter) -> None:
        for chunk in chunks:
            if chunk is not None:
                writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            await writer.drain()
            if chunk is None:
                await self.over.wait()


def _head(header: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{header}\r\n\r\n".encode()


@contextlib.asynccontextmanager
async def listening(dockerd: SmallDockerd, path: Path) -> AsyncIterator[AsyncGenerator[Event, None]]:
    """The stream of the real adapter, connected to it."""
    server = await asyncio.start_unix_server(dockerd.serve, path)
    stream = DockerEvents(f"unix://{path}").stream()
    try:
        yield stream
    finally:
        await stream.aclose()
        dockerd.over.set()
        server.close()
        await server.wait_closed()


async def burst(path: str, count: int) -> None:
    """Tell of containers that are stopped, started and die by turns, as fast as can be; at last `destroy`."""
    now = time.time_ns()
    turns = ((n, TURNS[sum(divmod(n, CONTAINERS)) % len(TURNS)], str(n % CONTAINERS)) for n in range(count))
    told = [line(now + n, action, container, signal="15") for n, action, container in turns]
    told.append(line(now + count, "destroy"))
    dockerd = SmallDockerd([*told, None])
    async with await asyncio.start_unix_server(dockerd.serve, path):
        print("listening", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(burst(sys.argv[1], int(sys.argv[2])))
