"""The dump of a displaced database: whole with its account or not at all, and no backup set."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.backup.sets import ACCOUNT, AT, FakeDumper, make
from tests.postgres_server import collected
from watchdog.backup.catalogue import catalogue
from watchdog.backup.displaced_dump import (
    DisplacedDump,
    displaced_dump_name,
    dump_displaced,
    open_displaced_dump,
    read_displaced_dump,
    remove_displaced_dump,
)
from watchdog.backup.retention import sweep
from watchdog.errors import Corrupt, Refused, StepFailed

FILE = "pre_rollback_20261120_090000.dump.zst"
BESIDE = "pre_rollback_20261120_090000.json"


async def dump(directory: Path, dumper: FakeDumper | None = None, reserve: int = 0) -> DisplacedDump:
    return await dump_displaced(
        dumper or FakeDumper(),
        "shop_pre_rollback_20261120_090000",
        operation="20261120_090000-shop",
        database="shop",
        service="database",
        file=FILE,
        directory=directory,
        at=AT,
        reserve_bytes=reserve,
    )


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_its_name_tells_the_rollback_and_among_several_the_database() -> None:
    assert displaced_dump_name("20261120_090000", None) == FILE
    assert displaced_dump_name("20261120_090000", "a/b") == "pre_rollback_20261120_090000.a_b.dump.zst"


async def test_is_found_again_with_its_account_and_content(tmp_path: Path) -> None:
    made = await dump(tmp_path)
    assert names(tmp_path) == {FILE, BESIDE}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())
    found = read_displaced_dump(tmp_path, FILE)
    assert found == made
    assert found.dump.account == ACCOUNT
    assert await collected(open_displaced_dump(tmp_path, found)) == await collected(FakeDumper().chunks())


async def test_dumping_again_replaces_it(tmp_path: Path) -> None:
    await dump(tmp_path)
    assert await dump(tmp_path) == read_displaced_dump(tmp_path, FILE)


async def test_is_no_backup_set_and_no_leftover_of_one(tmp_path: Path) -> None:
    await make(tmp_path)
    before = catalogue(tmp_path)
    await dump(tmp_path)
    assert catalogue(tmp_path) == before
    assert sweep(tmp_path, AT.replace(year=2050)) == ()
    assert {FILE, BESIDE} <= names(tmp_path)


def die() -> None:
    """The server goes away in the middle."""
    raise StepFailed("gone")


async def test_a_dump_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="gone"):
        await dump(tmp_path, FakeDumper(fault=die))
    assert names(tmp_path) == set()


async def test_below_the_reserve_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="make room"):
        await dump(tmp_path, reserve=shutil.disk_usage(tmp_path).total)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("harm", ["gone", "cut", "no account", "other account"])
async def test_what_is_not_whole_is_not_read(tmp_path: Path, harm: str) -> None:
    await dump(tmp_path)
    path, beside = tmp_path / FILE, tmp_path / BESIDE
    if harm == "gone":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif harm == "no account":
        beside.unlink()
    else:
        beside.write_text("{}")
    with pytest.raises(Corrupt):
        read_displaced_dump(tmp_path, FILE)


async def test_removing_it_twice_is_fine(tmp_path: Path) -> None:
    await dump(tmp_path)
    for _ in range(2):
        remove_displaced_dump(tmp_path, FILE)
    assert names(tmp_path) == set()
