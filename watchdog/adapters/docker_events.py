"""The engine's event stream as hints for the guards: fulfils `stack.Events`.

A reader thread does nothing but hand lines to the event loop, because dockerd silently drops events for a
subscriber that falls behind. docker-py reports every disconnect as a normal end of the stream and has no read
timeout, so an end means *lost*, and a stream is replaced every few minutes whether or not it seems alive.
Events may be lost all the same: whoever listens reconciles by `Engine.containers` at each CONNECTED.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import structlog

from watchdog.adapters.docker_client import connect, engine_address, translated
from watchdog.adapters.docker_inspect import PROJECT_LABEL, SERVICE_LABEL
from watchdog.errors import WatchdogError
from watchdog.stack import Event
from watchdog.stack.event import CONNECTED, LOST

if TYPE_CHECKING:
    from docker.types import CancellableStream

log = structlog.get_logger(__name__)

ACTIONS = (
    *("create", "start", "restart", "stop", "kill", "die", "oom", "destroy"),
    *("health_status", "pause", "unpause", "rename", "update"),
)
"""Everything that changes what inspection shows; never `exec_*`, which each HEALTHCHECK sends three times."""
RECYCLE = timedelta(minutes=5)
CONNECT_TIMEOUT = timedelta(seconds=10)
FIRST_RETRY_SECONDS = 0.1
LAST_RETRY_SECONDS = 10.0
REMEMBERED = 512
"""Twice what dockerd keeps: no replay can bring back more."""
CLOCK_SLACK_NS = 1_000_000_000
"""dockerd answers a moment before it subscribes us: the first second is asked for again."""

Raw = Mapping[str, Any]
"""One line of `GET /events`, decoded."""
Message = Event | Raw | WatchdogError


class DockerEvents:
    """`projects` names the ones that matter now (asked for each event); None means all of them.

    `last_heard`: `time.monotonic()` of the last event or connection, 0 before the first.
    """

    def __init__(
        self, base_url: str | None = None, projects: Callable[[], Collection[str]] | None = None
    ) -> None:
        self.address = engine_address(base_url)
        self.last_heard = 0.0
        self._projects = projects
        self._seen = Seen()

    async def stream(self) -> AsyncGenerator[Event, None]:
        """As the port says. Closing the iterator ends the reader thread."""
        failures, since_ns = 0, time.time_ns() - CLOCK_SLACK_NS
        while True:
            async with contextlib.aclosing(self._connection(since_ns)) as events:
                async for event in events:
                    since_ns = max(since_ns, event.at_ns)
                    if event.action == CONNECTED:
                        failures = 0
                    elif event.action == LOST:
                        failures += 1
                    if event.action != LOST or failures == 1:
                        yield event
            if failures:
                await asyncio.sleep(backoff(failures, random.random()))

    async def _connection(self, since_ns: int) -> AsyncGenerator[Event, None]:
        """One connection until it is due for replacement (no LOST) or breaks (ends with LOST)."""
        reader = _Reader(self.address, since_ns)
        reader.start()
        try:
            recycle_at = time.monotonic() + RECYCLE.total_seconds()
            while (message := await reader.next(recycle_at)) is not None:
                self.last_heard = time.monotonic()
                if isinstance(message, WatchdogError):
                    log.debug("events_unreachable", reason=str(message))
                elif (event := self._wanted(message)) is not None:
                    yield event
            yield Event(LOST)
        except TimeoutError:
            log.debug("events_recycled")
        finally:
            reader.close()

    def _wanted(self, message: Event | Raw) -> Event | None:
        event = message if isinstance(message, Event) else parse(message)
        if event is None or event.action == CONNECTED:
            return event
        if self._projects is not None and event.project not in self._projects():
            return None
        return event if self._seen.first_time(event) else None


class Seen:
    """Remembers the last events: a replay from `since` is inclusive and repeats some."""

    def __init__(self) -> None:
        self._order: deque[tuple[int, str, str]] = deque(maxlen=REMEMBERED)
        self._keys: set[tuple[int, str, str]] = set()

    def first_time(self, event: Event) -> bool:
        key = (event.at_ns, event.container, event.action)
        if key in self._keys:
            return False
        if len(self._order) == REMEMBERED:
            self._keys.discard(self._order[0])
        self._order.append(key)
        self._keys.add(key)
        return True


class _Reader(threading.Thread):
    """Hands over CONNECTED, raw events, an error if there was one, and at the end None."""

    def __init__(self, address: str, since_ns: int) -> None:
        super().__init__(name="engine-events", daemon=True)
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self._address = address
        self._since = since_text(since_ns)
        self._loop = asyncio.get_running_loop()
        self._stream: CancellableStream[Any] | None = None
        self._closed = False

    async def next(self, until: float) -> Message | None:
        """The next message. Raises TimeoutError at `until` (monotonic), however busy the stream is."""
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if self._messages.empty():
            async with asyncio.timeout(left):
                return await self._messages.get()
        return self._messages.get_nowait()

    def run(self) -> None:
        try:
            self._read()
        except WatchdogError as error:
            self._put(error)
        finally:
            self._put(None)

    def close(self) -> None:
        """From the loop: shuts the socket down, whereupon the thread ends."""
        self._closed = True
        if self._stream is not None:
            # docker-py digs for the socket in private fields that are gone where the stream has just ended
            with contextlib.suppress(OSError, AttributeError):
                self._stream.close()

    def _read(self) -> None:
        client = connect(self._address, CONNECT_TIMEOUT)
        filters = {"type": ["container"], "event": list(ACTIONS), "label": [PROJECT_LABEL]}
        with contextlib.closing(client), translated(self._address):
            self._stream = client.events(since=cast(Any, self._since), filters=filters, decode=True)
            self._put(Event(CONNECTED))
            if self._closed:
                return
            for raw in self._stream:
                self._put(raw)

    def _put(self, message: Message | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before this thread
            self._loop.call_soon_threadsafe(self._messages.put_nowait, message)


def parse(raw: Raw) -> Event | None:
    """One line of `GET /events`; None for one that concerns no project's container."""
    actor = raw.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    if raw.get("Type") != "container" or PROJECT_LABEL not in attributes:
        return None
    exit_code, signal = attributes.get("exitCode"), str(attributes.get("signal", ""))
    return Event(
        action=raw["Action"],
        at_ns=raw["timeNano"],
        project=attributes[PROJECT_LABEL],
        service=attributes.get(SERVICE_LABEL, ""),
        container=actor["ID"],
        exit_code=None if exit_code is None else int(exit_code),
        signal=int(signal) if signal.isdigit() else None,
    )


def since_text(at_ns: int) -> str:
    """`seconds.nanoseconds`: docker-py cuts a datetime to seconds."""
    return f"{at_ns // 10**9}.{at_ns % 10**9:09d}"


def backoff(failures: int, chance: float) -> float:
    """Seconds before the next attempt: doubling, capped, with jitter; `chance` in [0, 1)."""
    longest = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** (min(failures, 10) - 1))
    return longest * (0.5 + chance / 2)
