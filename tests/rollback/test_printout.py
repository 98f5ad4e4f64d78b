"""What `rollback --plan` shows: every obstacle that the rollback would meet, and nothing changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.rollback.samples import backup
from tests.rollback.world import World
from watchdog.backup.backup import FileEntry
from watchdog.rollback.operate import Request
from watchdog.rollback.printout import printout
from watchdog.rollback.target import Target
from watchdog.stack import Database, Release

Broken = tuple[World, Release]


def wanted(target: Target, plan: str) -> Request:
    return Request(target, plan, "user alice (uid 1000)", ("wanted by alice",))


async def test_a_rollback_that_can_be_done_has_no_obstacles_and_changes_nothing(broken: Broken) -> None:
    world, good = broken
    before = world.compose.read_bytes()
    shown = await printout(world.hands(), wanted(Target(good, None), "keep database"))
    assert shown["obstacles"] == []
    assert shown["files"] == [str(world.compose), str(world.env)]
    assert [image["service"] for image in shown["images"]] == ["backend"]
    assert world.compose.read_bytes() == before
    assert world.engine.calls == []
    assert not (world.root / "incidents").exists()


async def test_every_obstacle_is_named_at_once(broken: Broken, tmp_path: Path) -> None:
    """Lost image, compose file that does not parse, damaged backup, database server that is down."""
    world, good = broken
    world.engine.images = {r: i for r, i in world.engine.images.items() if i != "sha256:backend-1"}
    world.stack = replace(world.stack, databases=(Database("database", "shop", "shop"),))
    target = replace(good, files=(replace(good.files[0], content=b"services: ["), *good.files[1:]))
    damaged = backup(directory=tmp_path, files=(FileEntry("db_backup_1.dump.zst", 5, "0" * 64),))
    image, files, checksum, database = (
        await printout(world.hands(), wanted(Target(target, damaged), "full"))
    )["obstacles"]
    assert "the image of backend" in image
    assert "does not parse" in files
    assert "does not match its checksums" in checksum
    assert database == "service database does not run"


async def test_a_lost_image_that_a_registry_may_give_back_is_pulled_by_the_rollback_not_by_the_plan(
    broken: Broken,
) -> None:
    world, good = broken
    world.engine.images = {r: i for r, i in world.engine.images.items() if i != "sha256:backend-1"}
    known = tuple(replace(s, repo_digests=("shop/backend@sha256:it",)) for s in good.services)
    shown = await printout(
        world.hands(), wanted(Target(replace(good, services=known), None), "keep database")
    )
    assert shown["obstacles"] == []
    assert world.engine.calls == []


async def test_an_undo_tells_that_it_displaces_what_came_in_since(broken: Broken) -> None:
    world, good = broken
    undoing = replace(
        wanted(Target(good, None), "undo"), undoes="o1", returning={"shop": "shop_pre_rollback_1"}
    )
    [told] = (await printout(world.hands(), undoing))["displaces_unknown"]
    assert told.startswith("shop: all that was written since rollback o1")


@pytest.mark.parametrize(
    ("age", "shown"),
    [
        (timedelta(minutes=3), "3 min"),
        (timedelta(hours=5, minutes=12), "5.2 h"),
        (timedelta(days=9), "9 days"),
    ],
)
async def test_tells_how_old_the_backup_is(broken: Broken, age: timedelta, shown: str) -> None:
    world, good = broken
    chosen = backup(minutes=age.total_seconds() / 60)
    document = await printout(world.hands(), wanted(Target(good, chosen), "keep database"))
    assert document["backup_age"] == shown
