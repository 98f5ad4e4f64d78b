"""A backup is written whole or not at all, under the guide's names, readable by its owner alone."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from backports import zstd

from tests.backup.sets import ACCOUNT, ARCHIVE, AT, CONTAINERS, RELEASE, STACK, TS, FakeDumper, make
from tests.fakes import FakeClock
from watchdog.backup.backup import Account, Level
from watchdog.backup.catalogue import catalogue
from watchdog.backup.policy import Hashing
from watchdog.backup.writer import take
from watchdog.errors import Refused, StepFailed, Unreachable
from watchdog.stack import Database, TableCount


def names(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


async def test_writes_the_files_of_the_guide(tmp_path: Path) -> None:
    backup = await make(tmp_path)
    assert names(tmp_path) == {
        ".latest_backup",
        f"RESTORE_{TS}.txt",
        f"compose_{TS}.yml",
        f"config_{TS}/opt/shop/.env",
        f"containers_{TS}.txt",
        f"db_backup_{TS}.dump.zst",
        f"globals_{TS}.sql",
        f"manifest_{TS}.json",
    }
    assert (tmp_path / ".latest_backup").read_text() == f"{TS}\n"
    assert (tmp_path / f"compose_{TS}.yml").read_bytes() == RELEASE.files[0].content
    assert (tmp_path / f"config_{TS}/opt/shop/.env").read_bytes() == RELEASE.files[1].content
    assert "shop-backend-1" in (tmp_path / f"containers_{TS}.txt").read_text()
    assert (backup.level, backup.at, backup.reason) == (Level.COMPLETE, AT, "before deployment")


async def test_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        await make(tmp_path / "new")
    finally:
        os.umask(before)
    for path in (tmp_path / "new", *(tmp_path / "new").rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


async def test_compresses_with_a_checksum_and_records_the_hash(tmp_path: Path) -> None:
    backup = await make(tmp_path)
    data = (tmp_path / f"db_backup_{TS}.dump.zst").read_bytes()
    assert zstd.decompress(data) == ARCHIVE
    assert data[4] & 0b100, "the frame's checksum flag"
    [entry] = [file for file in backup.files if file.name.startswith("db_backup")]
    assert (entry.size_bytes, entry.sha256) == (len(data), hashlib.sha256(data).hexdigest())


async def test_takes_the_hashes_that_are_asked_for_and_says_which_it_took(tmp_path: Path) -> None:
    asked, said = [], list[str]()

    class Sampling(FakeDumper):
        async def account(self, hashes: Hashing) -> Account:
            asked.append(hashes)
            tables = {"public.big": TableCount(9, digest="record/64:-5"), "public.t": TableCount(1, "7")}
            return replace(ACCOUNT, contents=replace(ACCOUNT.contents, tables=tables))

    backup = await take(
        STACK, None, CONTAINERS, {"shop": Sampling()}, tmp_path, clock=FakeClock(AT), reason="x",
        disk_reserve=0, hashes="sampled", progress=said.append,
    )  # fmt: skip
    assert asked == ["sampled"]
    assert said[1].endswith("MiB, hashes: sampled")
    contents = backup.contents("shop")
    assert contents is not None
    assert contents.tables["public.big"].digest == "record/64:-5"


async def test_is_found_again_as_it_was_made(tmp_path: Path) -> None:
    backup = await make(tmp_path)
    assert catalogue(tmp_path) == (replace(backup, files=backup.files),)
    assert backup.release == RELEASE
    assert backup.contents("shop") == ACCOUNT.contents
    assert backup.schema("shop") == ACCOUNT.schema_fingerprint


async def test_a_second_that_is_taken_is_left_to_its_owner(tmp_path: Path) -> None:
    made = [await make(tmp_path) for _ in range(3)]
    assert [backup.timestamp for backup in made] == [TS, "20261120_090001", "20261120_090002"]
    assert [backup.timestamp for backup in catalogue(tmp_path)] == ["20261120_090002", "20261120_090001", TS]


async def test_two_at_once_never_share_a_second(tmp_path: Path) -> None:
    made = await asyncio.gather(*(make(tmp_path) for _ in range(3)))
    assert len({backup.timestamp for backup in made}) == 3
    assert {backup.level for backup in catalogue(tmp_path)} == {Level.COMPLETE}


def failing(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (StepFailed("pg_dump of shop failed: lock"), "pg_dump of shop failed"),
        (OSError(errno.ENOSPC, "No space left on device"), "is full: no backup was made; make room"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error; check"),
    ],
)
async def test_a_failure_leaves_nothing(tmp_path: Path, error: Exception, message: str) -> None:
    await make(tmp_path)
    before = names(tmp_path)
    with pytest.raises(StepFailed, match=message):
        await make(tmp_path, AT + timedelta(hours=1), FakeDumper(fault=failing(error)))
    assert names(tmp_path) == before


async def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    started = asyncio.Event()

    class Endless(FakeDumper):
        async def chunks(self):  # type: ignore[no-untyped-def]
            while True:
                yield os.urandom(100_000)
                started.set()

    task = asyncio.create_task(make(tmp_path, dumper=Endless()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(tmp_path) == set()


async def test_refuses_below_the_disk_reserve(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="nothing is deleted to make room"):
        await take(
            STACK, RELEASE, CONTAINERS, {"shop": FakeDumper()}, tmp_path, clock=FakeClock(), reason="x",
            disk_reserve=2**60,
        )  # fmt: skip
    assert names(tmp_path) == set()


async def test_a_database_service_that_does_not_run_is_said_before_anything_is_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(Unreachable, match="start it with 'docker compose start database'"):
        await take(STACK, RELEASE, (), {}, tmp_path, clock=FakeClock(), reason="x", disk_reserve=0)
    assert names(tmp_path) == set()


async def test_several_databases_have_a_file_each(tmp_path: Path) -> None:
    databases = (*STACK.databases, Database("database", "au/th", "shop"))
    stack = replace(STACK, databases=databases)
    dumpers = {"shop": FakeDumper(), "au/th": FakeDumper(b"other")}
    await take(stack, None, CONTAINERS, dumpers, tmp_path, clock=FakeClock(AT), reason="x", disk_reserve=0)
    [backup] = catalogue(tmp_path)
    assert [dump.file for dump in backup.dumps] == [
        f"db_backup_{TS}.shop.dump.zst",
        f"db_backup_{TS}.au_th.dump.zst",
    ]
    assert backup.release is None


async def test_a_stack_without_a_database_is_backed_up_too(tmp_path: Path) -> None:
    stack = replace(STACK, databases=())
    await take(stack, RELEASE, CONTAINERS, {}, tmp_path, clock=FakeClock(AT), reason="x", disk_reserve=0)
    [backup] = catalogue(tmp_path)
    assert (backup.complete, backup.dumps, backup.release) == (True, (), RELEASE)
