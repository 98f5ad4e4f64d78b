"""An archive reaches pg_restore whole: its rows as a stream, the rest by two jobs where that is possible."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from tests.postgres_server import pieces
from watchdog.adapters import postgres_tools as tools
from watchdog.adapters.postgres_restore import FIRST_PART_BYTES, restore_archive
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


async def test_what_follows_the_rows_is_made_by_two_jobs_from_the_archives_first_part() -> None:
    archive, fed = b"contents" + bytes(FIRST_PART_BYTES * 2), Fed(0, 0)
    await restore_archive(fed, "shop", "app", lambda: pieces(archive), jobs=True)
    assert fed.tools == [tools.WITH_ROWS, (*tools.AFTER_ROWS, tools.JOBS, tools.ARCHIVE)]
    whole, first = fed.inputs
    assert whole == archive
    assert first == archive[: len(first) - len(tools.END)] + tools.END
    assert FIRST_PART_BYTES < len(first) < FIRST_PART_BYTES + 100_000


async def test_where_the_first_part_does_not_do_the_whole_archive_is_read_again() -> None:
    fed = Fed(0, tools.NO_CONTENTS, 0)
    await restore_archive(fed, "shop", "app", lambda: pieces(b"archive"), jobs=True)
    assert fed.tools[2] == tools.AFTER_ROWS
    assert fed.inputs[2] == b"archive"


async def test_where_jobs_are_not_allowed_everything_comes_in_one_stream() -> None:
    fed = Fed(0)
    await restore_archive(fed, "shop", "app", lambda: pieces(b"archive"), jobs=False)
    assert (fed.tools, fed.inputs) == ([()], [b"archive"])


@pytest.mark.parametrize("exit_codes", [(1,), (0, 1), (0, tools.NO_CONTENTS, 1)])
async def test_stops_at_the_first_part_that_fails(exit_codes: tuple[int, ...]) -> None:
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


TOOL = """\
#!/bin/sh
[ "$1" = --list ] && exec grep -q archive "$2"
cat "$1" "$1"; readlink "$1"; exit 7
"""


@pytest.fixture
def tool(tmp_path: Path) -> list[str]:
    """Lists, as pg_restore does, what holds the word archive; otherwise it reads its file twice."""
    script = tmp_path / "tool"
    script.write_text(TOOL)
    script.chmod(0o700)
    return [str(script), tools.ARCHIVE]


@pytest.mark.parametrize("directory", ["/tmp", "/nowhere"])
async def test_a_tool_finds_its_input_in_a_file_that_has_no_name(tool: list[str], directory: str) -> None:
    """Several jobs can open it; where the usual directory cannot be written, it lies in /dev/shm."""
    whole = b"archive;" + tools.END
    finished = await run(
        tools.seekable(tool), timeout=SOON, env={"TMPDIR": directory}, stdin=pieces(whole, 5)
    )
    assert finished.stdout.startswith((whole * 2).decode())
    assert finished.stdout.endswith(" (deleted)\n")
    assert finished.exit_code == 7


@pytest.mark.parametrize("unusable", [b"", b"archive;", b"archive;" + tools.END[:-1], b"arch" + tools.END])
async def test_a_tool_whose_input_breaks_off_is_not_started(tool: list[str], unusable: bytes) -> None:
    finished = await run(tools.seekable(tool), timeout=SOON, stdin=pieces(unusable))
    assert (finished.exit_code, finished.stdout) == (tools.NO_CONTENTS, "")
