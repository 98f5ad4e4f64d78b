"""A set that a script made becomes a target: its compose file, today's tags, and the data of its dump."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.postgres_server import Server, docker
from tests.rollback.test_with_database import Broken, DatabaseWorld, broken_deployment
from tests.rollback.world import World
from tests.rollback.world import broken_deployment as broken_without_data
from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import find
from watchdog.backup.marks import mark_damaged
from watchdog.errors import Corrupt, Refused, UsageError
from watchdog.rollback.operation import Outcome
from watchdog.rollback.script_target import SCHEMA, TAGS, script_target
from watchdog.rollback.target import Target
from watchdog.stack import Database

TS = "20261022_153000"


def scripts_set(world: World, dump: bytes = b"SELECT 1;\n", compose: str = "") -> Backup:
    """What the guide's commands leave, made while version 1 ran."""
    directory = world.root / "scripts"
    directory.mkdir()
    (directory / f"db_backup_{TS}.sql").write_bytes(dump)
    if compose:
        (directory / f"compose_{TS}.yml").write_text(compose)
    return find(directory, TS)


async def target_of(world: World, backup: Backup, pull: bool = True) -> Target:
    return await script_target(backup, world.hands(), await world.containers(), pull)


VERSION_1 = (
    "services:\n  backend: {image: 'shop/backend:latest', restart: always}\n  web: {image: 'shop/web:1'}\n"
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Version 2 runs."""
    world, _ = await broken_without_data(tmp_path)
    yield world
    await world.ledger.close()


async def test_the_release_is_what_the_compose_file_gives_on_this_host(world: World) -> None:
    target = await target_of(world, scripts_set(world, compose=VERSION_1))
    release = target.release
    assert {s.service: s.image_id for s in release.services} == {
        "backend": "sha256:backend-2",  # what the tag means today
        "web": "sha256:web",
    }
    assert [(file.path, file.content) for file in release.files] == [
        (world.compose, VERSION_1.encode()),
        (world.env, world.env.read_bytes()),
    ]
    assert target.notes == (TAGS, SCHEMA)
    world.compose.write_text(VERSION_1)
    hashes = await world.orchestrator.config_hashes(world.stack)
    assert {s.service: s.config_hash for s in release.services} == hashes
    assert not list(world.root.glob("**/ops-watchdog-script-*"))


async def test_going_there_leaves_that_release_running(world: World) -> None:
    target = await target_of(world, scripts_set(world, compose=VERSION_1))
    operation = await world.while_time_passes(world.roll_back(target.release, "keep database"))
    assert (operation.outcome, operation.detail) == (Outcome.SUCCEEDED, "")
    assert world.compose.read_text() == VERSION_1
    assert operation.target_release.startswith(f"{TS}-")


async def test_without_a_compose_file_only_the_data_can_come_back(world: World) -> None:
    with pytest.raises(Refused, match=r"nobody knows which images ran; .* --database-only"):
        await target_of(world, scripts_set(world))


@pytest.mark.parametrize("compose", ["services: [", "nothing: here\n"])
async def test_a_compose_file_that_does_not_parse_is_refused(world: World, compose: str) -> None:
    with pytest.raises(Refused, match="cannot be used beside today's files"):
        await target_of(world, scripts_set(world, compose=compose))


async def test_an_image_that_is_gone_is_pulled_by_its_tag_before_anything_is_stopped(world: World) -> None:
    backup = scripts_set(world, compose=VERSION_1.replace("web:1", "web:0"))
    with pytest.raises(Refused, match=r"shop/web:0 .* is not on this host: the rollback would pull it"):
        await target_of(world, backup, pull=False)
    with pytest.raises(Refused, match=r"shop/web:0 .* is not on this host, and cannot pull"):
        await target_of(world, backup)
    world.engine.registry["shop/web:0"] = "sha256:web-0"
    target = await target_of(world, backup)
    assert {s.image: s.image_id for s in target.release.services}["shop/web:0"] == "sha256:web-0"
    assert [call[0] for call in world.engine.calls if call[0] == "stop"] == []


async def test_what_is_unchanged_and_has_ended_stays_so(world: World) -> None:
    await world.change("web", state="exited", exit_code=0)
    target = await target_of(world, scripts_set(world, compose=VERSION_1))
    assert {s.service: s.running for s in target.release.services} == {"backend": True, "web": False}


async def test_the_databases_own_service_is_not_changed_by_a_guess(world: World) -> None:
    world.stack = replace(world.stack, databases=(Database("web", "shop", "shop"),))
    changed = VERSION_1.replace("'shop/web:1'", "'shop/web:1', user: other")
    with pytest.raises(Refused, match=r"defines web, which holds the database, in another way"):
        await target_of(world, scripts_set(world, compose=changed))


async def test_one_dump_does_not_become_two_databases(world: World) -> None:
    names = ("shop", "blog")
    world.stack = replace(world.stack, databases=tuple(Database("db", name, "shop") for name in names))
    with pytest.raises(UsageError, match="no dump that is clearly blog's"):
        await target_of(world, scripts_set(world, compose=VERSION_1))


async def test_a_set_that_was_found_damaged_is_no_target(world: World) -> None:
    backup = scripts_set(world, compose=VERSION_1)
    mark_damaged(backup, "shop", "it was cut off")
    with pytest.raises(Corrupt, match="it was cut off"):
        await target_of(world, find(backup.directory, TS))


@pytest.fixture
async def broken(tmp_path: Path, server: Server, database: str) -> AsyncIterator[Broken]:
    world, good = await broken_deployment(tmp_path, server, database)
    yield world, good
    await world.ledger.close()


def rows(world: DatabaseWorld, database: str) -> object:
    return world.clusters.server.sql(database, "SELECT count(*) FROM users")


@pytest.mark.engine
async def test_a_full_rollback_to_it_restores_beside_swaps_and_keeps(broken: Broken) -> None:
    world, _ = broken
    server, name = world.clusters.server, world.stack.databases[0].name
    dump = docker("exec", server.container.id, "pg_dump", "-U", "shop", name).encode()
    backup = scripts_set(world, dump, VERSION_1)
    server.sql(name, "INSERT INTO users (email) VALUES ('after the script@example.com')")
    before = rows(world, name)
    target = await target_of(world, backup)
    world.backup = backup
    operation = await world.roll_back(target.release)
    assert (operation.outcome, operation.detail) == (Outcome.SUCCEEDED, "")
    assert rows(world, name) != before
    [displaced] = [other for other in server.databases(name) if other != name]
    assert rows(world, displaced) == before
