"""An archive reaches pg_restore whole: as a file for two jobs where that is possible, else as a stream."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from tests.postgres_server import pieces
from watchdog.adapters import postgres_tools as tools
from watchdog.adapters.postgres_restore import restore_archive
from watchdog.adapters.process import Finished, run
from watchdog.errors import StepFailed

SOON = timedelta(seconds=20)


class Fed:
    """Stands where tools run: remembers what each was given, and ends it with the next exit code."""

    def __init__(self, *exit_codes: int) -> None:
        self.exit_codes = list(exit_codes)
        self.tools: list[tuple[str, ...]] = []
        self.inputs: list[bytes] = []

    async def __call__(self, tool: Sequence[str], chunks: AsyncIterator[bytes]) -> Finished:
        self.tools.append(tuple(tool[5:]))
        self.inputs.append(b"".join([chunk async for chunk in chunks]))
        return Finished(self.exit_codes.pop(0), "", "pg_restore: error: no")


async def test_two_jobs_read_the_archive_from_a_file() -> None:
    fed = Fed(0)
    await restore_archive(fed, "shop", "app", lambda: pieces(b"archive"), jobs=True)
    assert fed.tools == [(tools.JOBS, tools.ARCHIVE)]
    assert fed.inputs == [b"archive" + tools.END]


async def test_where_there_can_be_no_file_the_archive_comes_as_a_stream() -> None:
    fed = Fed(tools.NO_FILE, 0)
    await restore_archive(fed, "shop", "app", lambda: pieces(b"archive"), jobs=True)
    assert fed.tools[1] == ()
    assert fed.inputs[1] == b"archive"


async def test_where_jobs_are_not_allowed_it_is_a_stream_at_once() -> None:
    fed = Fed(0)
    await restore_archive(fed, "shop", "app", lambda: pieces(b"archive"), jobs=False)
    assert (fed.tools, fed.inputs) == ([()], [b"archive"])


@pytest.mark.parametrize("exit_codes", [(1,), (tools.NO_FILE, 1)])
async def test_a_restore_that_fails_is_not_tried_again(exit_codes: tuple[int, ...]) -> None:
    fed = Fed(*exit_codes)
    with pytest.raises(StepFailed, match="pg_restore of app failed"):
        await restore_archive(fed, "shop", "app", lambda: pieces(b"archive"), jobs=True)
    assert len(fed.tools) == len(exit_codes)


async def test_large_reads_lose_nothing_and_the_tools_exit_code_counts() -> None:
    data = bytes(range(256)) * 4099
    summed = await run(tools.in_large_reads(["sha256sum"]), timeout=SOON, stdin=pieces(data, 1000))
    plain = await run(["sha256sum"], timeout=SOON, stdin=pieces(data))
    assert (summed.exit_code, summed.stdout) == (0, plain.stdout)
    failed = await run(tools.in_large_reads(["sh", "-c", "exit 7"]), timeout=SOON, stdin=pieces(data))
    assert failed.exit_code == 7


SHOW = ["sh", "-c", 'cat "$1" "$1"; readlink "$1"; exit 7', "sh", tools.ARCHIVE]


async def test_a_tool_finds_its_input_in_a_file_that_has_no_name() -> None:
    """Several jobs can open it, each from its beginning, and it is gone with the last of them."""
    whole = b"archive;" + tools.END
    finished = await run(tools.seekable(SHOW), timeout=SOON, stdin=pieces(whole, 5))
    assert finished.stdout.startswith((whole * 2).decode())
    assert finished.stdout.endswith(" (deleted)\n")
    assert finished.exit_code == 7


@pytest.mark.parametrize("broken_off", [b"", b"archive;", b"archive;" + tools.END[:-1]])
async def test_a_tool_whose_input_breaks_off_is_not_started(broken_off: bytes) -> None:
    finished = await run(tools.seekable(SHOW), timeout=SOON, stdin=pieces(broken_off))
    assert (finished.exit_code, finished.stdout) == (tools.NO_FILE, "")


@pytest.mark.parametrize(
    ("program", "says"),
    [("df", "printf 'x\\nnone 9 9 3 1%% /\\n'"), ("stat", "echo tmpfs"), ("mktemp", "exit 1")],
    ids=["no room", "in memory", "read-only"],
)
async def test_a_file_takes_no_room_that_others_need(tmp_path: Path, program: str, says: str) -> None:
    """3 KiB are free: one of them may be taken."""
    (tmp_path / program).write_text(f"#!/bin/sh\n{says}\n")
    (tmp_path / program).chmod(0o700)
    path = f"{tmp_path}:{os.environ['PATH']}"
    finished = await run(
        tools.seekable(SHOW), timeout=SOON, env={"PATH": path}, stdin=pieces(bytes(2000) + tools.END)
    )
    assert (finished.exit_code, finished.stdout) == (tools.NO_FILE, "")
