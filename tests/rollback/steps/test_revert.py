"""Files come back byte for byte with owner and mode; what they displace is kept once."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rollback.samples import operation
from tests.rollback.world import World, broken_deployment
from watchdog.deploy.files import read
from watchdog.errors import StepFailed
from watchdog.rollback.run import Run
from watchdog.rollback.steps.revert import lay_out_copies, revert_compose
from watchdog.stack import ConfigFile, Release


@pytest.fixture
async def broken(tmp_path: Path) -> AsyncIterator[tuple[World, Release]]:
    world, good = await broken_deployment(tmp_path)
    yield world, good
    await world.ledger.close()


def run_of(world: World, target: Release) -> Run:
    return Run(world.hands(), operation(), target, None, {})


def kept(world: World, path: Path) -> Path:
    """Where the bytes that the rollback displaced lie."""
    return world.root / "incidents" / "o1" / "displaced" / path.relative_to("/")


async def test_bytes_owner_and_mode_come_back_and_the_displaced_bytes_are_kept(
    broken: tuple[World, Release],
) -> None:
    world, good = broken
    world.env.write_bytes(b"VERSION=2\n\xff\x00")
    os.chown(world.env, 1234, 4321)
    facts = await revert_compose(run_of(world, good))
    assert [read(file.path) for file in good.files] == list(good.files)
    assert world.env.stat().st_mode & 0o7777 == 0o600
    assert facts["changed"] == [str(world.compose), str(world.env)]
    assert kept(world, world.env).read_bytes() == b"VERSION=2\n\xff\x00"
    assert kept(world, world.env).stat().st_mode & 0o777 == 0o600


async def test_what_is_right_already_is_not_touched(broken: tuple[World, Release]) -> None:
    world, good = broken
    await revert_compose(run_of(world, good))
    before = [(path.stat().st_ino, path.stat().st_mtime_ns) for path in (world.compose, world.env)]
    assert (await revert_compose(run_of(world, good)))["changed"] == []
    assert before == [(path.stat().st_ino, path.stat().st_mtime_ns) for path in (world.compose, world.env)]


async def test_another_mode_alone_is_put_right_too(broken: tuple[World, Release]) -> None:
    world, good = broken
    await revert_compose(run_of(world, good))
    world.env.chmod(0o666)
    assert (await revert_compose(run_of(world, good)))["changed"] == [str(world.env)]
    assert world.env.stat().st_mode & 0o777 == 0o600


async def test_a_link_stays_a_link_and_its_file_changes(
    broken: tuple[World, Release], tmp_path: Path
) -> None:
    world, good = broken
    real = tmp_path / "elsewhere" / "real.yml"
    real.parent.mkdir()
    world.compose.rename(real)
    world.compose.symlink_to(real)
    await revert_compose(run_of(world, good))
    assert world.compose.is_symlink()
    assert real.read_bytes() == good.files[0].content


async def test_a_file_that_was_deleted_comes_back_with_its_directory(broken: tuple[World, Release]) -> None:
    world, good = broken
    extra = ConfigFile(world.srv / "nginx" / "site.conf", b"server {}", 0o640, 0, 0)
    await revert_compose(run_of(world, replace(good, files=(*good.files, extra))))
    assert read(extra.path) == extra
    assert not kept(world, extra.path).exists()


async def test_displaced_bytes_survive_a_repeat_after_a_crash(broken: tuple[World, Release]) -> None:
    """The process before kept the first file's bytes and had put the target's in their place."""
    world, good = broken
    second = world.compose.read_bytes()
    lay_out_copies([read(world.compose)], world.root / "incidents" / "o1" / "displaced")
    world.compose.write_bytes(good.files[0].content)
    for _ in range(2):
        await revert_compose(run_of(world, good))
        assert kept(world, world.compose).read_bytes() == second
        assert kept(world, world.env).read_bytes() == b"VERSION=2\n"


async def test_a_copy_is_whole_or_not_there(tmp_path: Path) -> None:
    """A directory in the place of the copy's last step stands for a disk that fails there."""
    file = ConfigFile(Path("/srv/.env"), b"SECRET=1", 0o644, 0, 0)
    (tmp_path / "srv" / ".env").mkdir(parents=True)
    with pytest.raises(StepFailed, match="could not be written: Is a directory"):
        lay_out_copies([file], tmp_path)
    (tmp_path / "srv" / ".env").rmdir()
    lay_out_copies([file], tmp_path)
    assert (tmp_path / "srv" / ".env").read_bytes() == b"SECRET=1"
    assert (tmp_path / "srv" / ".env").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "srv").iterdir()] == [".env"]


async def test_files_that_give_another_configuration_are_a_failure(broken: tuple[World, Release]) -> None:
    world, good = broken
    services = tuple(replace(s, config_hash="another") for s in good.services if s.service == "web")
    with pytest.raises(StepFailed, match=r"are back, but give another configuration for web"):
        await revert_compose(run_of(world, replace(good, services=services)))


async def test_a_file_that_cannot_be_put_back_is_named_and_leaves_nothing_behind(
    broken: tuple[World, Release],
) -> None:
    world, good = broken
    blocked = ConfigFile(world.srv / "blocked", b"SECRET=1", 0o600, 0, 0)
    blocked.path.mkdir()
    reason = "blocked is in the way and cannot be kept: Is a directory; move it away"
    with pytest.raises(StepFailed, match=reason):
        await revert_compose(run_of(world, replace(good, files=(blocked,))))
    assert sorted(path.name for path in world.srv.iterdir()) == [".env", "blocked", "compose.yml"]
