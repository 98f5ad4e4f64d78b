"""The engine's event stream as hints for the guards: fulfils `stack.Events`.

No silence is trusted: a stream is replaced every few minutes whether or not it seems alive, dockerd is pinged
beside it, and an end always means *lost*. Events may be lost all the same: whoever listens reconciles by
`Engine.containers` at each CONNECTED, LOST and MISSED.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection
from datetime import timedelta

import structlog

from watchdog.adapters.docker_client import connect, engine_address
from watchdog.adapters.docker_event_reader import Reader
from watchdog.errors import WatchdogError
from watchdog.stack import Event
from watchdog.stack.event import CONNECTED, LOST

log = structlog.get_logger(__name__)

RECYCLE = timedelta(minutes=5)
CONNECT_WITHIN = timedelta(seconds=20)
"""For the version and the head of the stream: each may take the time of a call to a busy dockerd."""
PING_EVERY = timedelta(seconds=10)
PING_TIMEOUT = timedelta(seconds=5)
PROVEN = timedelta(seconds=10)
"""A connection that lasted so long is no failure, nor a reason to wait before the next."""
FIRST_RETRY_SECONDS = 0.1
LAST_RETRY_SECONDS = 10.0
REMEMBERED = 512
"""Twice what dockerd keeps: no replay can bring back more."""
CLOCK_SLACK_NS = 1_000_000_000
"""dockerd answers a moment before it subscribes us: the first second is asked for again."""
LOOK_BACK_NS = 600_000_000_000
"""At the start: who was told to stop while we were away, within a deployment's window."""


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
        self._began = 0.0

    async def stream(self) -> AsyncGenerator[Event, None]:
        """As the port says. Closing the iterator ends the reader thread."""
        newest_ns, self._began = time.time_ns() - LOOK_BACK_NS, time.monotonic()
        failures, lost = 0, False
        while True:
            connected_at = math.inf
            async with contextlib.aclosing(self._connection(since(newest_ns, self._silent))) as events:
                async for event in events:
                    newest_ns = event.at_ns or newest_ns
                    if event.action == CONNECTED:
                        connected_at = time.monotonic()
                        _log_found(lost)
                    if event.action != LOST or not lost:
                        yield event
                    lost = event.action == LOST or (lost and event.action != CONNECTED)
            failures = 0 if time.monotonic() - connected_at >= PROVEN.total_seconds() else failures + 1
            if failures:
                await asyncio.sleep(backoff(failures, random.random()))

    @property
    def _silent(self) -> timedelta:
        return timedelta(seconds=time.monotonic() - max(self._began, self.last_heard))

    async def _connection(self, since_ns: int) -> AsyncGenerator[Event, None]:
        """One connection until it is due for replacement (no LOST) or breaks (ends with LOST)."""
        reader = Reader(self.address, since_ns, self._wanted)
        reader.start()
        pinging = asyncio.create_task(self._close_unanswered(reader), name="engine-ping")
        try:
            async with contextlib.aclosing(self._told(reader)) as events:
                async for event in events:
                    yield event
        finally:
            pinging.cancel()
            reader.close()

    async def _told(self, reader: Reader) -> AsyncGenerator[Event, None]:
        """What the reader hands over, each event once; LOST where that was not to be the end."""
        began = time.monotonic()
        until = began + CONNECT_WITHIN.total_seconds()
        connected = False
        try:
            while (events := await reader.take(until)) is not None:
                if any(event.action == CONNECTED for event in events):
                    connected, until = True, began + RECYCLE.total_seconds()
                self.last_heard = time.monotonic() if events else self.last_heard
                for event in filter(self._news, events):
                    yield event
        except TimeoutError:
            if connected:
                return
        (log.info if connected else log.debug)("events_lost", reason=str(reader.error or "no word in time"))
        yield Event(LOST)

    async def _close_unanswered(self, reader: Reader) -> None:
        """A dockerd that hangs, or is gone without a word, ends no stream: ask it over another connection."""
        while True:
            await asyncio.sleep(PING_EVERY.total_seconds())
            try:
                await asyncio.to_thread(ping, self.address)
            except WatchdogError as error:
                log.debug("events_unanswered", reason=str(error))
                reader.close()
                return

    def _wanted(self, event: Event) -> bool:
        """Asked by the reader's thread."""
        return event.project == "" or self._projects is None or event.project in self._projects()

    def _news(self, event: Event) -> bool:
        return event.project == "" or self._seen.first_time(event)


def _log_found(lost: bool) -> None:
    if lost:
        log.info("events_found")


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


def ping(address: str) -> None:
    """Raises `Unreachable` unless dockerd answers a new connection."""
    connect(address, PING_TIMEOUT).close()


def since(newest_ns: int, silent: timedelta) -> int:
    """Where to take the stream up again: at the newest event, or when it fell silent if that is earlier.

    The latter by the wall clock of now: once that was set back, the newest event lies in the future, and
    dockerd would replay nothing. Once it was set forward, the newest event is the earlier one.
    """
    fell_silent_ns = time.time_ns() - int(silent.total_seconds() * 1e9)
    return min(newest_ns, fell_silent_ns) - CLOCK_SLACK_NS


def backoff(failures: int, chance: float) -> float:
    """Seconds before the next attempt: doubling, capped, with jitter; `chance` in [0, 1)."""
    longest = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** (min(failures, 10) - 1))
    return longest * (0.5 + chance / 2)
