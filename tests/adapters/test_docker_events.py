"""The stream cannot go silent: tried on a small server that breaks off, hangs, repeats and floods."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.adapters import small_dockerd
from tests.adapters.conftest import Docker
from tests.adapters.small_dockerd import SmallDockerd, line, listening
from watchdog.adapters import docker_event_reader, docker_events
from watchdog.adapters.docker_event_lines import filters
from watchdog.adapters.docker_events import (
    CLOCK_SLACK_NS,
    REMEMBERED,
    DockerEvents,
    Seen,
    backoff,
    since,
)
from watchdog.stack import Event
from watchdog.stack.event import CONNECTED, LOST, MISSED

HOUR = 3_600_000_000_000
BURST = 100_000


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


@pytest.mark.parametrize(("failures", "longest"), [(1, 0.1), (2, 0.2), (5, 1.6), (50, 10.0)])
def test_waits_longer_after_each_failure_but_never_for_long(failures: int, longest: float) -> None:
    assert backoff(failures, 0.0) == pytest.approx(longest / 2)
    assert backoff(failures, 1.0) == pytest.approx(longest)


def test_asks_for_everything_since_the_newest_event() -> None:
    newest = time.time_ns() - HOUR
    assert since(newest, timedelta()) == newest - CLOCK_SLACK_NS


def test_asks_for_everything_since_the_silence_began_once_the_clock_was_set_back() -> None:
    asked = since(time.time_ns() + HOUR, timedelta(minutes=5))
    assert asked == pytest.approx(time.time_ns() - HOUR / 12 - CLOCK_SLACK_NS, abs=CLOCK_SLACK_NS)


async def _told(stream: AsyncGenerator[Event, None], count: int) -> list[Event]:
    return [await anext(stream) for _ in range(count)]


async def _until(stream: AsyncGenerator[Event, None], action: str) -> None:
    while (await anext(stream)).action != action:
        pass


@pytest.mark.parametrize("ahead", [-HOUR, 0, HOUR], ids=["set forward", "as it was", "set back"])
async def test_reconnects_where_it_stopped_and_tells_nothing_twice(tmp_path: Path, ahead: int) -> None:
    """Whatever became of the wall clock since the engine stamped its events."""
    began = time.time_ns()
    stamped = began + ahead
    first, second = line(stamped), line(stamped + 5)
    dockerd = SmallDockerd([first], [first + second])
    async with listening(dockerd, tmp_path / "docker.sock") as stream:
        told = await _told(stream, 6)
    assert [e.action for e in told] == [CONNECTED, "die", LOST, CONNECTED, "die", LOST]
    assert [told[1].at_ns, told[4].at_ns] == [stamped, stamped + 5]
    asked = float(dockerd.asked[1]["since"]) * 1e9
    assert asked <= min(stamped, time.time_ns())
    assert asked >= min(stamped, began) - 2 * CLOCK_SLACK_NS


async def test_a_stream_cut_in_half_a_line_is_lost_and_taken_up_again(tmp_path: Path) -> None:
    whole = line(time.time_ns())
    dockerd = SmallDockerd([whole[:50]], [whole])
    async with listening(dockerd, tmp_path / "docker.sock") as stream:
        told = await _told(stream, 4)
    assert [e.action for e in told] == [CONNECTED, LOST, CONNECTED, "die"]


async def test_a_garbled_line_asks_for_a_look_and_hides_nothing_that_follows(tmp_path: Path) -> None:
    dockerd = SmallDockerd([b'{"Type": "cont\n', line(time.time_ns()), None])
    async with listening(dockerd, tmp_path / "docker.sock") as stream:
        told = await _told(stream, 3)
    assert [e.action for e in told] == [CONNECTED, MISSED, "die"]


async def test_tells_what_was_missed_before_it_says_that_it_is_connected(tmp_path: Path) -> None:
    """Whoever looks then must know already that somebody stopped what has ended, and tell nothing twice."""
    kill = line(time.time_ns(), "kill", signal="15")
    dockerd = SmallDockerd([kill, line(time.time_ns()), None])
    dockerd.past = [kill]
    async with listening(dockerd, tmp_path / "docker.sock") as stream:
        assert [e.action for e in await _told(stream, 3)] == ["kill", CONNECTED, "die"]


async def test_an_engine_that_does_not_end_what_is_over_is_listened_to_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock is behind ours: the end that was asked for lies in its future."""
    monkeypatch.setattr(docker_event_reader, "CATCH_UP", timedelta(milliseconds=100))
    dockerd = SmallDockerd([line(time.time_ns() + 1), None])
    dockerd.past = [line(time.time_ns(), "kill", signal="15"), None]
    async with listening(dockerd, tmp_path / "docker.sock") as stream:
        assert [e.action for e in await _told(stream, 3)] == ["kill", CONNECTED, "die"]


async def test_hears_at_the_start_what_happened_while_nobody_listened(tmp_path: Path) -> None:
    dockerd = SmallDockerd()
    async with listening(dockerd, tmp_path / "docker.sock") as stream:
        await anext(stream)
    assert time.time() - float(dockerd.asked[0]["since"]) >= 600


async def test_an_engine_that_is_away_is_lost_once_and_found_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    events = DockerEvents(f"unix://{path}")
    stream = events.stream()
    assert await anext(stream) == Event(LOST)
    next_event = asyncio.ensure_future(anext(stream))
    dockerd = SmallDockerd()
    server = await asyncio.start_unix_server(dockerd.serve, path)
    assert await next_event == Event(CONNECTED)
    await stream.aclose()
    dockerd.over.set()
    server.close()


async def test_an_engine_that_accepts_and_drops_is_asked_ever_more_rarely(tmp_path: Path) -> None:
    dockerd = SmallDockerd([], [], [], [])
    async with listening(dockerd, tmp_path / "docker.sock") as stream:
        await _told(stream, 9)
    pauses = [later - earlier for earlier, later in zip(dockerd.asked_at, dockerd.asked_at[1:], strict=False)]
    assert all(pause >= backoff(n, 0.0) for n, pause in enumerate(pauses, start=1))
    assert len(pauses) == 4


async def test_an_engine_that_falls_silent_is_lost_and_asked_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing ends the stream: only the ping on another connection finds out."""
    monkeypatch.setattr(docker_events, "PING_EVERY", timedelta(milliseconds=50))
    monkeypatch.setattr(docker_events, "PING_TIMEOUT", timedelta(seconds=1))
    dockerd = SmallDockerd([line(time.time_ns()), None])
    async with listening(dockerd, tmp_path / "docker.sock") as stream:
        assert [e.action for e in await _told(stream, 2)] == [CONNECTED, "die"]
        dockerd.answering.clear()
        assert await anext(stream) == Event(LOST)
        dockerd.answering.set()
        assert await anext(stream) == Event(CONNECTED)


async def test_an_engine_that_never_begins_its_stream_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_events, "CONNECT_WITHIN", timedelta(milliseconds=200))
    dockerd = SmallDockerd()
    dockerd.answering.clear()
    async with listening(dockerd, tmp_path / "docker.sock") as stream:
        assert await anext(stream) == Event(LOST)


async def test_a_stream_is_replaced_before_long_without_a_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_events, "RECYCLE", timedelta(milliseconds=200))
    whole = line(time.time_ns())
    dockerd = SmallDockerd([whole, None], [whole, None])
    async with listening(dockerd, tmp_path / "docker.sock") as stream:
        assert [e.action for e in await _told(stream, 3)] == [CONNECTED, "die", CONNECTED]


async def test_asks_the_engine_for_what_concerns_projects_only(tmp_path: Path) -> None:
    dockerd = SmallDockerd()
    async with listening(dockerd, tmp_path / "docker.sock") as stream:
        await anext(stream)
    assert dockerd.asked[0]["filters"] == filters()


async def test_a_burst_is_told_to_its_end_while_the_loop_stays_responsive(tmp_path: Path) -> None:
    """In a process of its own, which shares no interpreter lock with the reader."""
    path = tmp_path / "docker.sock"
    program = (sys.executable, small_dockerd.__file__, str(path), str(BURST))
    flood = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE)
    try:
        assert flood.stdout is not None
        await flood.stdout.readline()
        stream = DockerEvents(f"unix://{path}", lambda: {"shop"}).stream()
        await _until(stream, CONNECTED)
        lag = asyncio.create_task(_longest_lag())
        stopped = await _stopped(stream)
        lag.cancel()
        assert await lag < 0.3
        await stream.aclose()
    finally:
        flood.kill()
        await flood.wait()
    last_round = BURST // small_dockerd.CONTAINERS - 1
    assert stopped == {str(n) for n in range(small_dockerd.CONTAINERS) if (last_round + n) % 3 == 0}


async def _stopped(stream: AsyncGenerator[Event, None]) -> set[str]:
    """Whom a guard would take for stopped by somebody after all of it."""
    stopped: set[str] = set()
    while (event := await anext(stream)).action != "destroy":
        if event.asks_to_stop:
            stopped.add(event.container)
        elif event.action == "start":
            stopped.discard(event.container)
    return stopped


async def _longest_lag() -> float:
    """Seconds by which the loop was late, at worst, until cancelled."""
    longest = 0.0
    try:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - began)
    except asyncio.CancelledError:
        return longest


async def test_closing_ends_the_reader_thread(tmp_path: Path) -> None:
    async with listening(SmallDockerd(), tmp_path / "docker.sock") as stream:
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
    await _until(stream, CONNECTED)
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
