"""A file is written whole or not at all, and only what was written here is ever removed again."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.backup.sets import AT, RELEASE, TS, FakeDumper, make
from watchdog.backup.backup import Level
from watchdog.backup.catalogue import catalogue
from watchdog.backup.files import NewSet, replace_file
from watchdog.backup.marks import mark_verified
from watchdog.errors import StepFailed


@contextmanager
def files_end_at(size_bytes: int) -> Iterator[None]:
    """The kernel takes the part of a write that fits, as on a disk that is nearly full, and then nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_manifest_that_does_not_fit_leaves_the_old_one(tmp_path: Path) -> None:
    backup = await make(tmp_path)
    manifest = tmp_path / f"manifest_{TS}.json"
    before = manifest.read_bytes()
    with files_end_at(len(before) // 2), pytest.raises(StepFailed, match="cannot write"):
        mark_verified(backup, AT)
    assert manifest.read_bytes() == before
    assert [found.level for found in catalogue(tmp_path)] == [Level.COMPLETE]
    assert not list(tmp_path.glob("*.partial"))


def test_what_the_kernel_takes_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, bytes(data[:1000])))
    content = os.urandom(40_000)
    replace_file(tmp_path / "replaced", content)
    new = NewSet(tmp_path, AT)
    new.add(f"globals_{TS}.sql", content)
    assert (tmp_path / "replaced").read_bytes() == content
    assert (tmp_path / f"globals_{TS}.sql").read_bytes() == content


def test_a_file_that_became_shorter_never_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "write", lambda file, data: len(data))
    with pytest.raises(StepFailed, match="0 bytes instead of 5"):
        replace_file(tmp_path / "replaced", b"12345")
    with pytest.raises(StepFailed, match="0 bytes instead of 5"):
        NewSet(tmp_path, AT).add(f"globals_{TS}.sql", b"12345")
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".partial"]


async def test_what_others_wrote_under_the_same_timestamp_stays(tmp_path: Path) -> None:
    others = (
        f"db_backup_{TS}.sql",
        f"globals_{TS}.sql.mine",
        f"images_{TS}.tar.zst",
        f"config_{TS}/opt/shop/nginx.conf",
    )

    def meanwhile() -> None:
        for name in others:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("theirs")
        (tmp_path / f"compose_{TS}.yml").write_text("theirs")

    with pytest.raises(StepFailed, match="made by somebody else"):
        await make(tmp_path, dumper=FakeDumper(fault=meanwhile))
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {*others, f"compose_{TS}.yml"}
    assert (tmp_path / f"compose_{TS}.yml").read_text() == "theirs"


async def test_a_backup_that_fails_takes_its_own_configuration_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / f"config_{TS}/mine"

    def fail(*_: object) -> str:
        kept.write_text("theirs")
        raise StepFailed("no instructions")

    monkeypatch.setattr("watchdog.backup.writer.instructions", fail)
    with pytest.raises(StepFailed, match="no instructions"):
        await make(tmp_path, release=RELEASE)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [kept]
    assert not (tmp_path / f"config_{TS}/opt").exists()
