"""Commands in containers on the real engine: what is late leaves nothing behind, and nothing joins it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from tests.adapters.conftest import Docker
from tests.adapters.probing import late
from watchdog.adapters import docker_exec
from watchdog.adapters.container_process import end_session
from watchdog.adapters.docker_engine import DockerEngine

pytestmark = pytest.mark.engine
SOON = timedelta(seconds=20)


@pytest.fixture
async def engine(engine_environment: dict[str, str]) -> AsyncIterator[DockerEngine]:
    engine = DockerEngine(engine_environment["DOCKER_HOST"])
    yield engine
    await engine.close()


@pytest.fixture
def container(run_service: Callable[..., str]) -> str:
    return run_service("web", "sleep", "1000")


@pytest.fixture
def processes(docker: Docker, container: str) -> Callable[[], list[str]]:
    """The command lines in the container, but its own."""

    def listed() -> list[str]:
        lines = docker("top", container, "-eo", "pid,args").splitlines()[1:]
        commands = [line.split(maxsplit=1)[1] for line in lines if len(line.split()) > 1]
        return [command for command in commands if command != "sleep 1000"]

    return listed


async def test_what_is_late_is_killed_with_what_it_started(
    engine: DockerEngine, container: str, processes: Callable[[], list[str]]
) -> None:
    argv = ["sh", "-c", "trap '' TERM; sleep 301 & sleep 302 | sleep 303"]
    assert await late(engine, container, argv) is None
    assert processes() == []


async def test_what_we_may_not_signal_is_killed_from_within(
    engine: DockerEngine,
    container: str,
    processes: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As under systemd, where the processes of another user are not ours to end."""

    def refused(process: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(signal, "pidfd_send_signal", refused)
    assert await late(engine, container, ["sh", "-c", "sleep 301 & sleep 302"]) is None
    assert processes() == []


async def test_output_without_end_is_dropped(engine: DockerEngine, container: str) -> None:
    argv = ["sh", "-c", "head -c 50000000 /dev/zero; exit 4"]
    assert await engine.execute(container, argv, SOON) == 4


async def test_while_a_command_lives_no_second_one_is_begun(
    engine: DockerEngine,
    container: str,
    processes: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where we may not signal it: in a container of our own, or another user's process."""
    monkeypatch.setattr(docker_exec, "end_session", lambda pid, container: ())
    monkeypatch.setattr(docker_exec, "ENDING", timedelta(seconds=0.2))
    argv = ["sh", "-c", "echo x >> /begun; while [ ! -e /end ]; do sleep 0.05; done"]
    for _ in range(2):
        assert await late(engine, container, argv) is None
    assert await engine.execute(container, ["sh", "-c", 'test "$(cat /begun)" = x && touch /end'], SOON) == 0
    assert await _until_zero(engine, container, argv) == 0
    assert await engine.execute(container, ["sh", "-c", "exit $(wc -l < /begun)"], SOON) == 2


async def _until_zero(engine: DockerEngine, container: str, argv: list[str]) -> int | None:
    """The earlier one ends at its next look for the file."""
    async with asyncio.timeout(40):
        while (code := await engine.execute(container, argv, SOON)) is None:
            pass
    return code


async def test_two_who_ask_for_the_same_share_one_run(engine: DockerEngine, container: str) -> None:
    argv = ["sh", "-c", "echo x >> /runs; sleep 0.3; exit $(wc -l < /runs)"]
    codes = await asyncio.gather(*(engine.execute(container, argv, SOON) for _ in range(5)))
    assert codes == [1] * 5


async def test_whoever_gives_up_leaves_nothing_running(
    engine: DockerEngine, container: str, processes: Callable[[], list[str]]
) -> None:
    argv = ["sh", "-c", "touch /begun; sleep 300"]
    asking = asyncio.create_task(engine.execute(container, argv, timedelta(minutes=5)))
    async with asyncio.timeout(40):
        while await engine.execute(container, ["test", "-e", "/begun"], SOON) != 0:
            pass
    asking.cancel()
    await engine.close()
    assert processes() == []


@contextmanager
def sleeping() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "100"], start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_process_outside_of_the_container_is_never_touched(container: str) -> None:
    with sleeping() as process:
        end_session(process.pid, container)
        assert process.poll() is None
    end_session(os.getpid(), container)
    end_session(2**22, container)


async def test_what_cannot_be_executed_has_the_shells_exit_code(engine: DockerEngine, container: str) -> None:
    for argv in (["/etc/passwd"], ["no-such-program"], ["sh", "-c", "no-such-program"]):
        assert await engine.execute(container, argv, SOON) in docker_exec.NOT_EXECUTABLE
