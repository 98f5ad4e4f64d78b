"""One connection to `GET /events`, read by a thread that does nothing but hand over what it read.

dockerd gives a subscriber that falls behind 100 ms and then silently drops events: the thread never waits for
the event loop, and what waits for the loop is bounded by condensing it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from watchdog.adapters.docker_client import connect, translated
from watchdog.adapters.docker_event_lines import filters, lines, parse, since_text
from watchdog.errors import StepFailed, WatchdogError
from watchdog.stack import Event
from watchdog.stack.event import CONNECTED, condensed

if TYPE_CHECKING:
    from docker import APIClient
    from docker.types import CancellableStream

CONNECT_TIMEOUT = timedelta(seconds=10)
SILENCE = timedelta(minutes=6)
"""After so long the thread ends by itself, should closing not reach it: no connection lives longer."""
CATCH_UP = timedelta(seconds=2)
"""For what dockerd remembers, which it tells at once."""
BATCH = 500
"""Events that may wait for the loop before they are condensed; so many are a few milliseconds of work."""


class Backlog:
    """What the thread has read and the loop has not taken: bounded by what exists, not by what happens."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._room = BATCH
        self._lock = threading.Lock()

    def put(self, event: Event) -> bool:
        """True where nothing had waited: the loop has to be told."""
        with self._lock:
            self._events.append(event)
            if len(self._events) > self._room:
                self._events = condensed(self._events)
                self._room = max(BATCH, 2 * len(self._events))
            return len(self._events) == 1

    def take(self) -> list[Event]:
        """Everything, oldest first."""
        with self._lock:
            taken, self._events, self._room = self._events, [], BATCH
        return taken


class Reader(threading.Thread):
    """Hands over what was missed, CONNECTED, and what follows, as far as `wanted`, until the stream ends."""

    def __init__(self, address: str, since_ns: int, wanted: Callable[[Event], bool]) -> None:
        super().__init__(name="engine-events", daemon=True)
        self.error: WatchdogError | None = None
        self._address = address
        self._since_ns = since_ns
        self._wanted = wanted
        self._backlog = Backlog()
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._stream: CancellableStream[bytes] | None = None
        self._closed = False
        self._ended = False

    async def take(self, until: float) -> list[Event] | None:
        """What has been read since, None once it has ended. Raises TimeoutError at `until` (monotonic)."""
        await asyncio.sleep(0)  # a burst must not keep the loop from everything else
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        async with asyncio.timeout(left):
            await self._ready.wait()
        ended = self._ended
        events = self._backlog.take()
        if not ended:
            self._ready.clear()
        return None if ended and not events else events

    def close(self) -> None:
        """From the loop: shuts the socket down, whereupon the thread ends."""
        self._closed = True
        if self._stream is not None:
            # docker-py digs for the socket in private fields that are gone where the stream has just ended
            with contextlib.suppress(OSError, AttributeError):
                self._stream.close()

    def run(self) -> None:
        try:
            self._read()
        except WatchdogError as error:
            self.error = error
        finally:
            self._ended = True
            self._wake()

    def _read(self) -> None:
        client = connect(self._address, CONNECT_TIMEOUT)
        with contextlib.closing(client), translated(self._address):
            self._catch_up(client)
            chunks = self._request(client, SILENCE)
            self._put(Event(CONNECTED))
            if not self._closed:
                self._read_on(chunks)

    def _catch_up(self, client: APIClient) -> None:
        """First what was missed: whoever looks at CONNECTED has to know already who was told to stop."""
        from requests.exceptions import ConnectionError

        with contextlib.suppress(ConnectionError):  # an engine whose clock is behind waits for our time
            self._read_on(self._request(client, CATCH_UP, until=since_text(time.time_ns())))

    def _read_on(self, chunks: Iterator[bytes]) -> None:
        for line in lines(chunks):
            event = parse(line)
            if event is not None and self._wanted(event):
                self._put(event)

    def _request(self, client: APIClient, silence: timedelta, **bounds: str) -> Iterator[bytes]:
        """Not docker-py's `events`: that waits for an answer without end, and decodes it in its own way."""
        from docker.types import CancellableStream

        url = f"{client.base_url}/v{client.api_version}/events"
        parameters = {"since": since_text(self._since_ns), "filters": filters(), **bounds}
        timeouts = (CONNECT_TIMEOUT.total_seconds(), silence.total_seconds())
        response = client.get(url, params=parameters, stream=True, timeout=timeouts)
        if response.status_code != HTTPStatus.OK:
            raise StepFailed(f"the engine refused to tell its events: status {response.status_code}")
        chunks: Iterator[bytes] = response.iter_content(chunk_size=None)
        self._stream = CancellableStream(chunks, response)
        return chunks

    def _put(self, event: Event) -> None:
        if self._backlog.put(event):
            self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before this thread
            self._loop.call_soon_threadsafe(self._ready.set)
