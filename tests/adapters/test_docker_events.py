import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.conftest import Docker
from watchdog.adapters.docker_events import REMEMBERED, DockerEvents, Seen, backoff, parse, since_text
from watchdog.stack import Event
from watchdog.stack.event import CONNECTED, LOST

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


def test_a_line_becomes_an_event() -> None:
    assert parse(RAW) == Event("die", 1795360000123456789, "shop", "backend", "66b8", 3)


def test_a_change_of_health_keeps_its_word_and_has_no_exit_code() -> None:
    attributes = {"com.docker.compose.project": "shop", "com.docker.compose.service": "db"}
    raw = {**RAW, "Action": "health_status: unhealthy", "Actor": {"ID": "1", "Attributes": attributes}}
    assert parse(raw) == Event("health_status: unhealthy", 1795360000123456789, "shop", "db", "1")


def test_what_belongs_to_no_project_is_no_event() -> None:
    assert parse({**RAW, "Actor": {"ID": "1", "Attributes": {}}}) is None
    assert parse({**RAW, "Type": "network"}) is None


def test_a_repeated_event_is_told_once() -> None:
    seen = Seen()
    assert seen.first_time(Event("die", 1, container="a"))
    assert not seen.first_time(Event("die", 1, container="a"))
    assert seen.first_time(Event("die", 1, container="b"))
    assert seen.first_time(Event("die", 2, container="a"))


def test_remembers_as_many_events_as_the_engine_could_replay() -> None:
    seen = Seen()
    assert all(seen.first_time(Event("die", n)) for n in range(2 * REMEMBERED))
    assert not any(seen.first_time(Event("die", n)) for n in range(REMEMBERED, 2 * REMEMBERED))


def test_since_keeps_its_nanoseconds() -> None:
    assert since_text(1795360000000000009) == "1795360000.000000009"


@pytest.mark.parametrize(("failures", "longest"), [(1, 0.1), (2, 0.2), (5, 1.6), (50, 10.0)])
def test_waits_longer_after_each_failure_but_never_for_long(failures: int, longest: float) -> None:
    assert backoff(failures, 0.0) == pytest.approx(longest / 2)
    assert backoff(failures, 1.0) == pytest.approx(longest)


class Dockerd:
    """A dockerd in miniature: one stream of events a connection, as scripted, then the end.

    An event may be cut anywhere; `since` lists what each connection asked for.
    """

    def __init__(self, *streams: list[bytes]) -> None:
        self.since: list[str] = []
        self._streams = list(streams)
        self.hang = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := (await self._request(reader)):
                if "/version" in line:
                    body = b'{"ApiVersion": "1.45"}'
                    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                    writer.write(head % len(body) + body)
                else:
                    await self._events(line, writer)
                    break
        writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> str:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = await reader.readline()
            if not line:
                return ""
            head += line
        return head.decode().splitlines()[0]

    async def _events(self, line: str, writer: asyncio.StreamWriter) -> None:
        self.since.append(line.split("since=")[1].split("&")[0].split(" ")[0])
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head)
        if not self._streams:
            await writer.drain()
            await self.hang.wait()
            return
        for chunk in self._streams.pop(0):
            writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        await writer.drain()


def _line(at_ns: int, action: str = "die") -> bytes:
    return json.dumps({**RAW, "Action": action, "timeNano": at_ns}).encode() + b"\n"


@contextlib.asynccontextmanager
async def _listening(dockerd: Dockerd, path: Path) -> AsyncIterator[AsyncGenerator[Event, None]]:
    server = await asyncio.start_unix_server(dockerd.serve, path)
    stream = DockerEvents(f"unix://{path}").stream()
    try:
        yield stream
    finally:
        await stream.aclose()
        dockerd.hang.set()
        server.close()
        await server.wait_closed()


FUTURE = 4_000_000_000_000_000_000


async def test_reconnects_where_it_stopped_and_tells_nothing_twice(tmp_path: Path) -> None:
    first, second = _line(FUTURE), _line(FUTURE + 5)
    dockerd = Dockerd([first], [first + second])
    async with _listening(dockerd, tmp_path / "docker.sock") as stream:
        told = [await anext(stream) for _ in range(6)]
    assert [e.action for e in told] == [CONNECTED, "die", LOST, CONNECTED, "die", LOST]
    assert [told[1].at_ns, told[4].at_ns] == [FUTURE, FUTURE + 5]
    assert dockerd.since[1] == since_text(FUTURE)


async def test_a_stream_cut_in_half_a_line_is_lost_and_taken_up_again(tmp_path: Path) -> None:
    whole = _line(FUTURE)
    dockerd = Dockerd([whole[:50]], [whole])
    async with _listening(dockerd, tmp_path / "docker.sock") as stream:
        told = [await anext(stream) for _ in range(4)]
    assert [e.action for e in told] == [CONNECTED, LOST, CONNECTED, "die"]


async def test_an_engine_that_is_away_is_lost_once_and_found_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    events = DockerEvents(f"unix://{path}")
    stream = events.stream()
    assert await anext(stream) == Event(LOST)
    next_event = asyncio.ensure_future(anext(stream))
    dockerd = Dockerd()
    server = await asyncio.start_unix_server(dockerd.serve, path)
    assert await next_event == Event(CONNECTED)
    await stream.aclose()
    dockerd.hang.set()
    server.close()


async def test_closing_ends_the_reader_thread(tmp_path: Path) -> None:
    async with _listening(Dockerd(), tmp_path / "docker.sock") as stream:
        await anext(stream)
        readers = [t for t in threading.enumerate() if t.name == "engine-events"]
        assert len(readers) == 1
    await asyncio.to_thread(readers[0].join, 5)
    assert not readers[0].is_alive()


@pytest.mark.engine
async def test_tells_how_a_container_of_a_watched_project_lived_and_died(
    engine_environment: dict[str, str], project: str, run_service: Callable[..., str], docker: Docker
) -> None:
    events = DockerEvents(engine_environment["DOCKER_HOST"], lambda: {project})
    stream = events.stream()
    while (await anext(stream)).action != CONNECTED:
        pass
    health = ("--health-cmd", "true", "--health-interval", "100ms")
    container = await asyncio.to_thread(
        run_service, "backend", "sh", "-c", "sleep 0.6; exit 3", options=health
    )
    told: list[Event] = []
    while not told or told[-1].action != "die":
        told.append(await anext(stream))
    await stream.aclose()
    assert [e.action for e in told] == ["create", "start", "health_status: healthy", "die"]
    assert {(e.project, e.service, e.container) for e in told} == {(project, "backend", container)}
    assert told[-1].exit_code == 3
    assert events.last_heard > 0
