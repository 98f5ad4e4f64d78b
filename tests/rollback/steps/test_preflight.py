"""Everything that the rollback needs is there, or nothing is touched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.backup.sets import script_set
from tests.rollback.samples import backup, operation
from tests.rollback.world import World
from watchdog.backup.backup import FileEntry
from watchdog.backup.catalogue import find
from watchdog.errors import Corrupt, Refused, StepFailed, Unreachable
from watchdog.rollback.run import Run
from watchdog.rollback.steps.preflight import JOURNAL_ROOM, free_bytes, preflight, room_for_journal
from watchdog.stack import Database, Release

Broken = tuple[World, Release]
LOST = "sha256:backend-1"


def run_of(world: World, target: Release) -> Run:
    return Run(world.hands(), operation(), target, None, {})


def lose_image(world: World, target: Release, *digests: str) -> Release:
    """The good backend's image was pruned; these digests are known of it."""
    world.engine.images = {r: i for r, i in world.engine.images.items() if i != LOST}
    services = tuple(
        replace(s, repo_digests=digests) if s.service == "backend" else s for s in target.services
    )
    return replace(target, services=services)


async def test_remembers_what_will_be_stopped_and_its_restart_policies(broken: Broken) -> None:
    world, good = broken
    await world.change("web", restart_policy="on-failure", restart_retries=3)
    facts = await preflight(run_of(world, good))
    remembered = {
        c["service"]: (c["state"], c["restart_policy"], c["restart_retries"]) for c in facts["containers"]
    }
    assert remembered == {
        "backend": ("running", "always", 0),
        "web": ("running", "on-failure", 3),
        "worker": ("running", "always", 0),
    }
    assert world.engine.calls == []
    assert "environment" not in facts["containers"][0], "it holds secrets"


async def test_ends_what_the_deployments_command_left_running(broken: Broken) -> None:
    world, good = broken
    run = run_of(world, good)
    await preflight(replace(run, operation=replace(run.operation, deployment="20261120_090000-shop")))
    assert world.commands.ended == ["20261120_090000-shop"]


async def test_is_refused_while_it_goes_on_beside_the_rollback(broken: Broken) -> None:
    world, good = broken
    world.commands.outlives = "process 4711 still runs"
    run = run_of(world, good)
    with pytest.raises(Refused, match="4711"):
        await preflight(replace(run, operation=replace(run.operation, deployment="20261120_090000-shop")))
    assert world.engine.calls == []


@pytest.mark.parametrize("digests", [(), ("shop/backend@sha256:gone",)])
async def test_an_image_that_nobody_gives_back_is_refused_with_a_remedy(
    broken: Broken, digests: tuple[str, ...]
) -> None:
    world, good = broken
    target = lose_image(world, good, *digests)
    reason = r"the image of backend, shop/backend:latest \(sha256:backend-1\), is no longer on this host"
    with pytest.raises(Refused, match=rf"{reason}.*load or rebuild it.*backups list"):
        await preflight(run_of(world, target))
    assert [call for call in world.engine.calls if call[0] != "pull"] == []


async def test_a_lost_image_is_pulled_by_the_first_digest_that_gives_it_back(broken: Broken) -> None:
    world, good = broken
    target = lose_image(world, good, "a@sha256:gone", "b@sha256:other", "c@sha256:it", "d@sha256:it")
    world.engine.registry = {
        "b@sha256:other": "sha256:something-else",
        "c@sha256:it": LOST,
        "d@sha256:it": LOST,
    }
    await preflight(run_of(world, target))
    pulled = [call[1] for call in world.engine.calls if call[0] == "pull"]
    assert pulled == ["a@sha256:gone", "b@sha256:other", "c@sha256:it"]


async def test_one_tag_for_two_images_is_refused(broken: Broken) -> None:
    world, good = broken
    services = tuple(replace(s, image="shop/all:latest") for s in good.services)
    with pytest.raises(Refused, match="shop/all:latest meant several images at once"):
        await preflight(run_of(world, replace(good, services=services)))


async def test_a_release_without_a_copy_of_a_compose_file_is_refused(broken: Broken) -> None:
    world, good = broken
    files = tuple(file for file in good.files if file.path != world.compose)
    with pytest.raises(Refused, match=rf"holds no copy of {world.compose}"):
        await preflight(run_of(world, replace(good, files=files)))


async def test_files_that_do_not_parse_fail_before_anything_is_touched(broken: Broken) -> None:
    world, good = broken
    files = (replace(good.files[0], content=b"services: ["), *good.files[1:])
    before = world.compose.read_bytes()
    with pytest.raises(StepFailed, match="does not parse"):
        await preflight(run_of(world, replace(good, files=files)))
    assert world.compose.read_bytes() == before
    assert world.engine.calls == []


async def test_copies_of_the_targets_files_are_the_owners_alone(broken: Broken) -> None:
    world, good = broken
    await preflight(run_of(world, good))
    copies = [p for p in (world.root / "incidents" / "o1" / "target").rglob("*") if p.is_file()]
    assert sorted(copy.read_bytes() for copy in copies) == sorted(file.content for file in good.files)
    assert {copy.stat().st_mode & 0o777 for copy in copies} == {0o600}


async def test_a_backup_that_does_not_match_its_checksums_is_refused(broken: Broken, tmp_path: Path) -> None:
    world, good = broken
    (tmp_path / "db_backup_1.dump.zst").write_bytes(b"other")
    damaged = backup(directory=tmp_path, files=(FileEntry("db_backup_1.dump.zst", 5, "0" * 64),))
    with pytest.raises(Corrupt, match=r"does not match its checksums: db_backup_1\.dump\.zst differs"):
        await preflight(replace(run_of(world, good), backup=damaged))


@pytest.mark.parametrize(
    ("dump", "fault"),
    [
        (b"\\connect postgres\n", r"backup 20261020_040000: the plain SQL dump contains `\\connect`"),
        (b"SELECT 1;\n", r"backup 20261020_040000: the dump was cut off"),
    ],
)
async def test_a_scripts_dump_is_read_to_its_end_before_anything_stops(
    broken: Broken, tmp_path: Path, dump: bytes, fault: str
) -> None:
    world, good = broken
    world.stack = replace(world.stack, databases=(Database("database", "shop", "shop"),))
    script_set(tmp_path, "20261020_040000", dump)
    backup = find(tmp_path, "20261020_040000")
    with pytest.raises((Refused, Corrupt), match=fault):
        await preflight(replace(run_of(world, good), backup=backup))
    assert world.engine.calls == []


async def test_a_database_server_that_is_down_stops_it_before_anything_is_touched(broken: Broken) -> None:
    world, good = broken
    world.stack = replace(world.stack, databases=(Database("database", "shop", "shop"),))
    with pytest.raises(Unreachable, match="service database does not run"):
        await preflight(replace(run_of(world, good), backup=backup()))
    assert world.engine.calls == []


async def test_an_engine_that_does_not_answer_is_no_reason_to_go_on(broken: Broken) -> None:
    world, good = broken
    world.engine.unreachable = True
    with pytest.raises(Unreachable):
        await preflight(run_of(world, good))


@pytest.mark.parametrize(("free", "refused"), [(JOURNAL_ROOM, False), (JOURNAL_ROOM - 1, True), (0, True)])
def test_a_journal_without_room_is_a_reason_to_refuse(tmp_path: Path, free: int, refused: bool) -> None:
    reason = room_for_journal(tmp_path, free)
    assert reason.startswith(f"{tmp_path} has") is refused
    assert bool(reason) is refused


def test_room_is_measured_where_the_directory_will_be(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0
