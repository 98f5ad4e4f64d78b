"""An HTTP server in a process of its own that answers every request well, and remembers when each arrived.

    python -m bench.detection.arrivals

It writes its port on the first line; at the end of its input, every path with its arrivals (JSON, monotonic
seconds) on the second. Checks are held against their rhythm with it, from outside the daemon.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n" + b'{"status":"ok"}'
)
BACKLOG = 4096

Arrivals = dict[str, list[float]]


class Server:
    """A child process. `end` tells what arrived since its start."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.port = int(process.stdout.readline())

    def end(self) -> Arrivals:
        found: Arrivals = json.loads(self._process.communicate()[0])
        return found


@contextmanager
def serving() -> Iterator[Server]:
    command = [sys.executable, "-m", "bench.detection.arrivals"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Server(process)
    finally:
        process.kill()
        process.wait()


async def _serve() -> None:
    arrivals: Arrivals = defaultdict(list)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Answering(arrivals), "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    print(json.dumps(arrivals))


class _Answering(asyncio.Protocol):
    """One request a connection; its head comes in one piece on the loopback."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._arrivals[data.split(b" ", 2)[1].decode()].append(time.monotonic())
        self._transport.write(ANSWER)


if __name__ == "__main__":
    asyncio.run(_serve())
