"""Every set is found, whoever made it; damage is told, and never hides the sound ones."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.backup.sets import ARCHIVE, AT, TS, make, script_set
from tests.postgres_server import collected
from watchdog.backup.backup import Level
from watchdog.backup.catalogue import catalogue, check_files, find, open_dump
from watchdog.errors import Corrupt, UsageError


def test_a_directory_that_does_not_exist_holds_no_backups(tmp_path: Path) -> None:
    assert catalogue(tmp_path / "missing") == ()


async def test_lists_the_newest_first_whoever_made_them(tmp_path: Path) -> None:
    await make(tmp_path)
    script_set(tmp_path, "20250101_000000")
    script_set(tmp_path, "20260101_000000", gzip.compress(b"SELECT 1;\n"), ".sql.gz")
    found = catalogue(tmp_path)
    assert [(backup.timestamp, backup.level) for backup in found] == [
        (TS, Level.COMPLETE),
        ("20260101_000000", Level.UNVERIFIED),
        ("20250101_000000", Level.UNVERIFIED),
    ]
    assert [backup.format() for backup in found] == ["custom", "plain", "plain"]
    assert found[1].contents("shop") is None


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"schema": 1}',
        b'{"schema": 99}',
        b'{"schema": "x"}',
        b"[" * 9999,
    ],
)
async def test_a_broken_manifest_is_listed_as_damaged(tmp_path: Path, manifest: bytes) -> None:
    await make(tmp_path)
    (tmp_path / "manifest_20260101_000000.json").write_bytes(manifest)
    assert [backup.level for backup in catalogue(tmp_path)] == [Level.COMPLETE, Level.DAMAGED]
    assert catalogue(tmp_path)[1].problem


async def test_any_field_of_the_wrong_kind_is_damage_not_a_crash(tmp_path: Path) -> None:
    await make(tmp_path)
    path = tmp_path / f"manifest_{TS}.json"
    document = json.loads(path.read_text())
    del document["checksum"]
    for field in document:
        for value in (None, 5, "x", [5], {"a": 5}):
            path.write_text(json.dumps({**document, field: value}))
            assert len(catalogue(tmp_path)) == 1


async def test_unknown_fields_are_passed_over(tmp_path: Path) -> None:
    await make(tmp_path)
    path = tmp_path / f"manifest_{TS}.json"
    document = json.loads(path.read_text())
    document["invented"] = 1
    document["release"]["services"][0]["invented"] = 1
    document["databases"][0]["account"]["invented"] = 1
    del document["checksum"]  # older manifests have none
    path.write_text(json.dumps(document))
    assert catalogue(tmp_path)[0].complete


async def test_missing_and_changed_files_are_damage(tmp_path: Path) -> None:
    await make(tmp_path)
    (tmp_path / f"globals_{TS}.sql").unlink()
    assert catalogue(tmp_path)[0].problem == f"globals_{TS}.sql is missing"
    (tmp_path / f"globals_{TS}.sql").write_text("x")
    assert "1 bytes instead of 18" in catalogue(tmp_path)[0].problem


async def test_changed_configuration_is_damage(tmp_path: Path) -> None:
    await make(tmp_path)
    path = tmp_path / f"compose_{TS}.yml"
    path.write_bytes(path.read_bytes().replace(b"{", b"["))
    assert "does not match its checksum" in catalogue(tmp_path)[0].problem


async def test_a_dump_without_a_manifest_is_an_interrupted_backup(tmp_path: Path) -> None:
    backup = await make(tmp_path)
    (tmp_path / f"manifest_{TS}.json").unlink()
    [found] = catalogue(tmp_path)
    assert (found.level, found.complete) == (Level.DAMAGED, False)
    assert "interrupted" in found.problem
    with pytest.raises(Corrupt, match="choose another backup"):
        open_dump(found, "shop")
    with pytest.raises(Corrupt, match="choose another backup"):
        check_files(found)
    assert backup.complete


def test_other_files_are_nobodys_backup(tmp_path: Path) -> None:
    for name in (
        "db_backup_x.sql",
        "db_backup_20269999_000000.sql",
        "notes.txt",
        f"db_backup_{TS}.dump.zst.partial",
    ):
        (tmp_path / name).touch()
    assert catalogue(tmp_path) == ()


async def test_sets_of_another_stack_are_left_out_and_those_of_scripts_are_everybodys(tmp_path: Path) -> None:
    await make(tmp_path)
    script_set(tmp_path, "20250101_000000")
    (tmp_path / "manifest_20240101_000000.json").write_text("{")
    assert [backup.timestamp for backup in catalogue(tmp_path, "shop")][:1] == [TS]
    others = [backup.timestamp for backup in catalogue(tmp_path, "forum")]
    assert others == ["20250101_000000", "20240101_000000"]
    with pytest.raises(UsageError, match=f"there is no backup {TS}"):
        find(tmp_path, TS, "forum")


async def test_finds_by_timestamp_and_names_the_nearest_otherwise(tmp_path: Path) -> None:
    for hours in (0, 1, 2, 30):
        await make(tmp_path, AT + timedelta(hours=hours))
    assert find(tmp_path, TS).timestamp == TS
    with pytest.raises(UsageError, match="the nearest: 20261120_090000, 20261120_100000, 20261120_110000"):
        find(tmp_path, "20261120_093000")
    with pytest.raises(UsageError, match="YYYYMMDD_HHMMSS"):
        find(tmp_path, "yesterday")


async def test_checks_every_file(tmp_path: Path) -> None:
    check_files(await make(tmp_path))
    path = tmp_path / f"db_backup_{TS}.dump.zst"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(Corrupt, match=rf"db_backup_{TS}\.dump\.zst differs; choose another"):
        check_files(catalogue(tmp_path)[0])


async def test_gives_the_dump_back_decompressed(tmp_path: Path) -> None:
    backup = await make(tmp_path)
    assert await collected(open_dump(backup, "shop")) == ARCHIVE
    with pytest.raises(UsageError, match=r"holds no database other \(it holds: shop\)"):
        open_dump(backup, "other")


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
async def test_a_truncated_dump_raises(tmp_path: Path, part: float) -> None:
    backup = await make(tmp_path)
    path = tmp_path / f"db_backup_{TS}.dump.zst"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(Corrupt, match="damaged or cut off"):
        await collected(open_dump(backup, "shop"))


async def test_any_flipped_bit_raises(tmp_path: Path) -> None:
    backup = await make(tmp_path)
    path = tmp_path / f"db_backup_{TS}.dump.zst"
    sound = path.read_bytes()
    for position in range(0, len(sound), max(1, len(sound) // 50)):
        damaged = bytearray(sound)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        try:
            data = await collected(open_dump(backup, "shop"))
        except Corrupt:
            continue
        assert data == ARCHIVE, f"a flip at {position} went unnoticed"


@pytest.mark.parametrize("suffix", [".sql", ".sql.gz"])
async def test_reads_scripts_dumps_too(tmp_path: Path, suffix: str) -> None:
    dump = b"SELECT 1;\n" * 200_000
    path = script_set(tmp_path, TS, gzip.compress(dump) if suffix == ".sql.gz" else dump, suffix)
    [backup] = catalogue(tmp_path)
    check_files(backup)
    assert await collected(open_dump(backup, "whatever")) == dump
    if suffix == ".sql.gz":
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(Corrupt, match="damaged or cut off"):
            check_files(backup)
        with pytest.raises(Corrupt, match="damaged or cut off"):
            await collected(open_dump(backup, "whatever"))


async def test_of_several_dumps_the_one_named_after_the_database_is_taken(tmp_path: Path) -> None:
    for name in ("shop", "auth"):
        script_set(tmp_path, TS, name.encode(), f".{name}.sql")
    [backup] = catalogue(tmp_path)
    assert await collected(open_dump(backup, "auth")) == b"auth"
    with pytest.raises(Corrupt, match=rf"give the right one the name db_backup_{TS}\.other\.sql"):
        open_dump(backup, "other")
    script_set(tmp_path, TS, b"all")
    assert await collected(open_dump(backup, "other")) == b"all"


@pytest.mark.parametrize(("zone", "hour"), [("UTC", 12), ("Europe/Berlin", 10)])
def test_scripts_timestamps_are_local_time_unless_the_file_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str, hour: int
) -> None:
    import time

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        path = script_set(tmp_path, "20250701_120000")
        written = datetime(2025, 7, 1, hour, 0, 5, tzinfo=UTC)
        os.utime(path, (written.timestamp(), written.timestamp()))
        assert catalogue(tmp_path)[0].at == datetime(2025, 7, 1, hour, tzinfo=UTC)
        in_utc = datetime(2025, 7, 1, 12, 0, 5, tzinfo=UTC)
        os.utime(path, (in_utc.timestamp(), in_utc.timestamp()))
        assert catalogue(tmp_path)[0].at == datetime(2025, 7, 1, 12, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()
