"""Old plain dumps become smaller, and are whole at every moment."""

from __future__ import annotations

import gzip
import os
from datetime import timedelta
from pathlib import Path

import pytest

from tests.backup.sets import AT, script_set
from tests.postgres_server import collected
from watchdog.backup import compress
from watchdog.backup.catalogue import catalogue, open_dump
from watchdog.backup.compress import compress_old
from watchdog.backup.policy import BackupPolicy
from watchdog.errors import Corrupt

DUMP = b"INSERT INTO t VALUES (1);\n" * 100_000


def old_set(directory: Path) -> Path:
    path = script_set(directory, "20261101_120000", DUMP)
    moment = (AT - timedelta(days=19)).timestamp()
    os.utime(path, (moment, moment))
    path.chmod(0o644)
    return path


async def test_dumps_older_than_seven_days_are_compressed_in_place(tmp_path: Path) -> None:
    old, young = old_set(tmp_path), script_set(tmp_path, "20261119_120000")
    before = old.stat().st_mtime_ns
    made = compress_old(tmp_path, BackupPolicy(tmp_path), AT)
    assert made == ("db_backup_20261101_120000.sql.gz",)
    assert not old.exists()
    assert young.exists()
    compressed = tmp_path / made[0]
    assert gzip.decompress(compressed.read_bytes()) == DUMP
    assert (compressed.stat().st_mtime_ns, compressed.stat().st_mode & 0o777) == (before, 0o600)
    found = catalogue(tmp_path)[-1]
    assert found.timestamp == "20261101_120000"
    assert await collected(open_dump(found, "x")) == DUMP
    assert compress_old(tmp_path, BackupPolicy(tmp_path), AT) == ()


def test_a_copy_that_does_not_read_back_keeps_the_original(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = old_set(tmp_path)
    monkeypatch.setattr(compress, "_digest", lambda file: "of a failing disk")
    with pytest.raises(Corrupt, match="was kept"):
        compress_old(tmp_path, BackupPolicy(tmp_path), AT)
    assert old.read_bytes() == DUMP
    assert catalogue(tmp_path)[0].level == "unverified"


def test_every_dump_of_a_set_is_compressed(tmp_path: Path) -> None:
    old = old_set(tmp_path)
    named = old.with_name("db_backup_20261101_120000.manual.sql")
    named.write_bytes(DUMP)
    assert compress_old(tmp_path, BackupPolicy(tmp_path), AT) == (f"{old.name}.gz", f"{named.name}.gz")
    assert not named.exists()


def test_compressing_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    old = old_set(tmp_path)
    (tmp_path / (old.name + ".gz.partial")).write_bytes(b"half")
    (tmp_path / (old.name + ".gz")).write_bytes(b"from a crash between rename and removal")
    compress_old(tmp_path, BackupPolicy(tmp_path), AT)
    assert [path.name for path in tmp_path.glob("db_backup*")] == [old.name + ".gz"]
    assert gzip.decompress((tmp_path / (old.name + ".gz")).read_bytes()) == DUMP
