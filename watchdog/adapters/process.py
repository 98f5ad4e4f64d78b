"""The one place that starts processes: the compose and PostgreSQL adapters go through it.

A child leads a process group of its own, so that a cancelled or late operation ends everything it started and
leaves no zombie. Secrets travel in `env`, never in `argv`: anybody on the host can read a command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from watchdog.errors import Refused, StepFailed

CHUNK_BYTES = 256 * 1024
PIPE_BYTES = 1024 * 1024
"""Linux's default `/proc/sys/fs/pipe-max-size`: fewer wake-ups for each megabyte of a dump."""
STDOUT_LIMIT_BYTES = 16 * 1024 * 1024
STDERR_LIMIT_BYTES = 64 * 1024
GRACE = timedelta(seconds=2)
"""Between TERM and KILL."""
PACKAGES = {"docker": "Docker's command line (Debian: docker-cli or docker.io)"}

Environment = Mapping[str, str | None]
"""What a child gets beside our own environment; None takes a variable away."""


class ProgramMissing(Refused):
    """A program that we need is not installed; the message names what to install."""


class TimedOut(StepFailed):
    """The process did not finish in time; it and its group were ended."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a process ended. `exit_code` is negative for a signal.

    `stdout` keeps the first 16 MiB, `stderr` the last 64 KiB: the end of it says what went wrong.
    """

    exit_code: int
    stdout: str
    stderr: str


class Running:
    """A process whose output is read while it runs; made by `stream` only."""

    def __init__(
        self, process: Process, stdout: asyncio.StreamReader, stdin: AsyncIterator[bytes] | None
    ) -> None:
        self._process = process
        self._stdout = stdout
        self._stderr = asyncio.create_task(_last_bytes(process.stderr))
        self._feeder = asyncio.create_task(_feed(process, stdin)) if stdin is not None else None

    @property
    def pid(self) -> int:
        return self._process.pid

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The output in chunks of exactly 256 KiB, the last one shorter."""
        while True:
            try:
                yield await self._stdout.readexactly(CHUNK_BYTES)
            except asyncio.IncompleteReadError as end:
                if end.partial:
                    yield end.partial
                return

    async def finished(self) -> Finished:
        """Wait for the end, dropping output that was not read. Raises what the input iterator raised."""
        async for _ in self.chunks():
            pass
        if self._feeder is not None:
            await self._feeder
        stderr = await self._stderr
        return Finished(await self._process.wait(), "", stderr.decode(errors="replace"))

    async def end(self) -> None:
        """End the group (TERM, after a grace KILL) and reap it; harmless after the normal end."""
        helpers = [task for task in (self._feeder, self._stderr) if task is not None]
        try:
            if self._process.returncode is None:
                await _end_group(self._process)
        finally:
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)


async def run(
    argv: Sequence[str],
    *,
    timeout: timedelta | None,
    cwd: Path | None = None,
    env: Environment | None = None,
    stdin: AsyncIterator[bytes] | None = None,
) -> Finished:
    """Run to the end and return how it ended; a non-zero exit code is the caller's to judge.

    Raises `ProgramMissing` and `TimedOut`. Cancellation ends the process group before it propagates.
    """
    async with stream(argv, timeout=timeout, cwd=cwd, env=env, stdin=stdin) as process:
        output = bytearray()
        async for chunk in process.chunks():
            output += chunk[: STDOUT_LIMIT_BYTES - len(output)]
        ended = await process.finished()
    return Finished(ended.exit_code, output.decode(errors="replace"), ended.stderr)


@contextlib.asynccontextmanager
async def stream(
    argv: Sequence[str],
    *,
    timeout: timedelta | None,
    cwd: Path | None = None,
    env: Environment | None = None,
    stdin: AsyncIterator[bytes] | None = None,
) -> AsyncIterator[Running]:
    """Start a process and read its output as it comes; leaving the block ends what still runs.

    Raises as `run` does. `timeout` None: the caller bounds it. Call `finished()` for the exit code.
    """
    seconds = None if timeout is None else timeout.total_seconds()
    scope = asyncio.timeout(seconds)
    try:
        async with scope, _started(argv, cwd, env, stdin) as running:
            yield running
    except TimeoutError as error:
        if not scope.expired():
            raise
        raise TimedOut(f"`{_shown(argv)}` did not finish within {seconds:g} s and was ended") from error


@contextlib.asynccontextmanager
async def _started(
    argv: Sequence[str], cwd: Path | None, env: Environment | None, stdin: AsyncIterator[bytes] | None
) -> AsyncIterator[Running]:
    read_end, write_end = os.pipe()
    _widen(read_end)
    with os.fdopen(read_end, "rb", buffering=0) as pipe:
        process = await _spawn(argv, cwd, env, has_input=stdin is not None, stdout=write_end)
        reader = asyncio.StreamReader(limit=2 * CHUNK_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        running = Running(process, reader, stdin)
        try:
            yield running
        finally:
            try:
                await running.end()
            finally:
                transport.close()


async def _spawn(
    argv: Sequence[str], cwd: Path | None, env: Environment | None, *, has_input: bool, stdout: int
) -> Process:
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd,
            env=_environment(env),
            stdin=PIPE if has_input else DEVNULL,
            stdout=stdout,
            stderr=PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        if cwd is not None and not cwd.is_dir():
            raise StepFailed(f"cannot run `{argv[0]}`: the directory {cwd} does not exist") from error
        package = PACKAGES.get(argv[0], f"the package that provides `{argv[0]}`")
        raise ProgramMissing(f"`{argv[0]}` is not installed or not in PATH; install {package}") from error
    except OSError as error:
        raise StepFailed(f"cannot run `{argv[0]}`: {error.strerror}") from error
    finally:
        os.close(stdout)
    if process.stdin is not None and not (pipe := process.stdin.get_extra_info("pipe")).closed:
        _widen(pipe.fileno())
    return process


async def _feed(process: Process, stdin: AsyncIterator[bytes]) -> None:
    """Write the input and close it. A child that stops reading is no fault here: its exit code tells.

    When the input itself fails, the child is killed at once, lest it takes the end of input for success.
    """
    assert process.stdin is not None
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            async for chunk in stdin:
                process.stdin.write(chunk)
                await process.stdin.drain()
    except BaseException:
        _signal_group(process, signal.SIGKILL)
        raise
    finally:
        process.stdin.close()
        if (close := getattr(stdin, "aclose", None)) is not None:
            await close()


async def _end_group(process: Process) -> None:
    _signal_group(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(GRACE.total_seconds()):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        _signal_group(process, signal.SIGKILL)  # also whatever the leader left behind
    await process.wait()


async def _last_bytes(reader: asyncio.StreamReader | None) -> bytes:
    assert reader is not None
    kept = b""
    while chunk := await reader.read(CHUNK_BYTES):
        kept = (kept + chunk)[-STDERR_LIMIT_BYTES:]
    return kept


def _environment(extra: Environment | None) -> dict[str, str]:
    merged: dict[str, str | None] = {**os.environ, **(extra or {})}
    return {name: value for name, value in merged.items() if value is not None}


def _signal_group(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _widen(pipe: int) -> None:
    with contextlib.suppress(OSError):  # refused beyond the user's quota: slower, still right
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _shown(argv: Sequence[str]) -> str:
    return " ".join(argv[:6]) + (" …" if len(argv) > 6 else "")
