"""Processes start, stream, end and die as the adapters rely on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from watchdog.adapters.process import CHUNK_BYTES, ProgramMissing, TimedOut, run, stream
from watchdog.errors import Corrupt, StepFailed

TEN_SECONDS = timedelta(seconds=10)


def alive(pid: int) -> bool:
    """A zombie counts as dead."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_returns_exit_code_and_both_streams() -> None:
    finished = await run(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout=TEN_SECONDS)
    assert (finished.exit_code, finished.stdout, finished.stderr) == (3, "out\n", "err\n")


async def test_feeds_the_input_and_reads_the_output_at_once() -> None:
    block = os.urandom(CHUNK_BYTES)
    received = bytearray()
    async with stream(["cat"], timeout=TEN_SECONDS, stdin=pieces(*[block] * 20, b"end")) as process:
        sizes = []
        async for chunk in process.chunks():
            sizes.append(len(chunk))
            received += chunk
        finished = await process.finished()
    assert finished.exit_code == 0
    assert bytes(received) == block * 20 + b"end"
    assert sizes == [CHUNK_BYTES] * 20 + [3]


async def test_adds_to_the_environment_and_takes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAKEN_AWAY", "here")
    script = 'echo "$GIVEN:${TAKEN_AWAY-gone}"'
    finished = await run(
        ["sh", "-c", script], timeout=TEN_SECONDS, env={"GIVEN": "secret", "TAKEN_AWAY": None}
    )
    assert finished.stdout == "secret:gone\n"


async def test_names_what_to_install_when_the_program_is_missing() -> None:
    with pytest.raises(ProgramMissing, match="`no-such-program` is not installed"):
        await run(["no-such-program"], timeout=TEN_SECONDS)


async def test_names_a_directory_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="does not exist"):
        await run(["true"], timeout=TEN_SECONDS, cwd=tmp_path / "missing")


async def test_a_timeout_ends_the_whole_group(tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = f"sleep 60 & echo $! > {child}; wait"
    with pytest.raises(TimedOut, match="did not finish within"):
        await run(["sh", "-c", script], timeout=timedelta(seconds=0.3))
    assert not alive(int(child.read_text()))


async def test_cancellation_ends_the_whole_group(tmp_path: Path) -> None:
    ready = asyncio.Event()

    async def wait_for_it() -> None:
        script = "sleep 60 & echo $!; wait"
        async with stream(["sh", "-c", script], timeout=None) as process:
            pids.append(process.pid)
            ready.set()
            await process.finished()

    pids: list[int] = []
    task = asyncio.create_task(wait_for_it())
    await ready.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(pids[0])


async def test_a_process_that_ignores_term_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchdog.adapters.process.GRACE", timedelta(seconds=0.1))
    async with stream(["sh", "-c", "trap '' TERM; echo ready; while :; do :; done"], timeout=None) as process:
        pid = process.pid
    assert not alive(pid)


async def test_a_failing_input_kills_the_reader_and_is_raised() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"first"
        raise Corrupt("the dump is damaged")

    with pytest.raises(Corrupt, match="the dump is damaged"):
        await run(["cat"], timeout=TEN_SECONDS, stdin=broken())


async def test_a_reader_that_stops_early_is_judged_by_its_exit_code() -> None:
    finished = await run(
        ["sh", "-c", "exit 4"], timeout=TEN_SECONDS, stdin=pieces(*[b"x" * CHUNK_BYTES] * 20)
    )
    assert finished.exit_code == 4


async def test_keeps_the_end_of_a_long_error_output() -> None:
    finished = await run(
        ["sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x >&2; echo the reason >&2"], timeout=TEN_SECONDS
    )
    assert len(finished.stderr) == 64 * 1024
    assert finished.stderr.endswith("the reason\n")
