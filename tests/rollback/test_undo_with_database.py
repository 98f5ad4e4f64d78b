"""The undo of a rollback, on a real PostgreSQL: the newer release and its rows are back, nothing is lost."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.postgres_server import Server
from tests.rollback.test_with_database import (
    BACKED_UP,
    LATER,
    DatabaseWorld,
    Death,
    WatchedClusters,
    broken_deployment,
)
from watchdog.clock import SystemClock
from watchdog.errors import StepFailed
from watchdog.rollback import operate
from watchdog.rollback.operation import Operation, Outcome
from watchdog.rollback.report import displaced
from watchdog.rollback.target import Target
from watchdog.stack import Release

pytestmark = pytest.mark.engine
AFTER = "after@example.com"
PERSON = "user alice (uid 1000)"


class Scene(NamedTuple):
    """Version 2 was rolled back to version 1; then a row was written."""

    world: DatabaseWorld
    old: Release
    new: Release
    rolled_back: Operation


class LaterClock(SystemClock):
    """Real time, some seconds on: two rollbacks of one database never fall into the same second."""

    def __init__(self, seconds: int) -> None:
        self._ahead = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self._ahead


moments = itertools.count(0, 2)


async def carried_out(world: DatabaseWorld, target: Target, plan: str, **request: object) -> Operation:
    """A rollback that a person wants; what runs is captured before."""
    runs = await world.release()
    await world.ledger.write(runs)
    wanted = operate.Request(
        target,
        plan,
        PERSON,
        ("wanted by alice",),
        running=(runs.fingerprint, runs),
        **request,  # type: ignore[arg-type]
    )
    hands = replace(world.hands(), clock=LaterClock(next(moments)))
    return await operate.begin(wanted, hands, world.ledger, world.tell, world.wake)


async def undone(world: DatabaseWorld, former: Operation) -> Operation:
    """The undo of this rollback, decided from the ledger as the command does."""
    assert former.from_release is not None
    release = await world.ledger.release(former.from_release)
    assert release is not None
    returning = displaced(await world.ledger.steps(former.id))
    return await carried_out(world, Target(release, None), "undo", undoes=former.id, returning=returning)


def keep_images(world: DatabaseWorld) -> None:
    """An image that no tag means any more stays on the host; the miniature knows images by name only."""
    world.engine.images |= {f"kept/{image_id}": image_id for image_id in world.engine.images.values()}


async def rolled_back(root: Path, server: Server, database: str) -> Scene:
    world, old = await broken_deployment(root, server, database)
    new = await world.release()
    keep_images(world)
    operation = await carried_out(world, Target(old, world.backup), "full")
    assert (operation.outcome, operation.detail) == (Outcome.SUCCEEDED, "")
    server.sql(database, f"INSERT INTO users (email) VALUES ('{AFTER}')")
    world.told.clear()
    return Scene(world, old, new, operation)


@pytest.fixture
async def scene(tmp_path: Path, server: Server, database: str) -> AsyncIterator[Scene]:
    scene = await rolled_back(tmp_path, server, database)
    yield scene
    await scene.world.ledger.close()


def rows(world: DatabaseWorld, database: str = "") -> set[object]:
    wanted = f"('{BACKED_UP}', '{LATER}', '{AFTER}')"
    name = database or world.stack.databases[0].name
    found = world.clusters.server.sql(name, f"SELECT email FROM users WHERE email IN {wanted}")
    return {email for (email,) in found}


async def require_newer_back(world: DatabaseWorld, new: Release, former: Operation) -> None:
    """The newer release with all its rows, open to everybody; what was live since is displaced in turn."""
    server, name = world.clusters.server, world.stack.databases[0].name
    assert await world.release() == replace(new, captured_at=(await world.release()).captured_at)
    assert rows(world) == {BACKED_UP, LATER}
    assert server.sql(name, "SHOW default_transaction_read_only") == [("off",)]
    public = f"SELECT has_database_privilege('pg_monitor', '{name}', 'CONNECT')"
    assert server.sql(name, public) == [(True,)], "everybody may connect again"
    newest = (await world.ledger.operations("shop"))[0]
    [since] = displaced(await world.ledger.steps(newest.id)).values()
    assert server.databases(name) == {name: True, since: True}
    assert rows(world, since) == {BACKED_UP, AFTER}
    assert newest.undoes == former.id


async def test_the_newer_release_comes_back_with_every_row_that_it_wrote(scene: Scene) -> None:
    world = scene.world
    operation = await undone(world, scene.rolled_back)
    assert (operation.outcome, operation.detail) == (Outcome.SUCCEEDED, "")
    assert world.begun == [
        "preflight",
        "stop_services",
        "return_database",
        "revert_compose",
        "pull_images",
        "restart_services",
        "verify_health",
    ]
    await require_newer_back(world, scene.new, scene.rolled_back)
    told = (await world.ledger.pending_alerts())[-1].text
    assert "What was live before the undo is kept in database" in told


async def test_an_undo_can_be_undone_and_nothing_is_lost_on_the_way(scene: Scene) -> None:
    world = scene.world
    again = await undone(world, await undone(world, scene.rolled_back))
    assert (again.outcome, again.detail) == (Outcome.SUCCEEDED, "")
    assert await world.release() == replace(scene.old, captured_at=(await world.release()).captured_at)
    assert rows(world) == {BACKED_UP, AFTER}
    [newer] = displaced(await world.ledger.steps(again.id)).values()
    assert rows(world, newer) == {BACKED_UP, LATER}


async def test_a_displaced_database_that_is_gone_is_refused_before_anything_stops(scene: Scene) -> None:
    world, name = scene.world, scene.world.stack.databases[0].name
    [former] = displaced(await world.ledger.steps(scene.rolled_back.id)).values()
    world.clusters.server.drop(former)
    operation = await undone(world, scene.rolled_back)
    assert operation.outcome is Outcome.REFUSED
    assert f"database {former}, which would come back, does not exist" in operation.detail
    assert f"pre_rollback_{former[-15:]}.dump.zst" in operation.detail
    assert rows(world) == {BACKED_UP, AFTER}
    assert world.clusters.server.databases(name) == {name: True}


async def test_an_undo_that_fails_before_its_swap_leaves_both_databases_as_they_were(scene: Scene) -> None:
    world, name = scene.world, scene.world.stack.databases[0].name
    [former] = displaced(await world.ledger.steps(scene.rolled_back.id)).values()
    visits = 0

    async def refuse(_: str) -> None:
        nonlocal visits
        visits += (returning := world.begun[-1:] == ["return_database"])
        if returning and visits == 2:
            raise StepFailed("it refuses")

    world.clusters.touch = refuse
    operation = await undone(world, scene.rolled_back)
    assert (operation.outcome, operation.detail) == (Outcome.ABORTED, "return_database failed: it refuses")
    assert world.begun[-4:] == ["require_not_swapped", "start_again", "lift_fence", "set_aside_again"]
    server = world.clusters.server
    assert rows(world) == {BACKED_UP, AFTER}
    assert server.databases(name) == {name: True, former: True}
    assert server.sql(former, "SHOW default_transaction_read_only") == [("on",)]
    assert rows(world, former) == {BACKED_UP, LATER}


POINTS = [
    *(("cluster", n) for n in range(5)),
    *(("after commit", n) for n in (3, 4, 6)),
    *((place, 0) for place in ("stop", "config_hashes", "tag", "up", "probe")),
]
"""`cluster`: twice in preflight, before and at the exchange, and when the fence is lifted."""


@pytest.mark.long
async def test_wherever_it_dies_the_next_process_finishes_the_undo(
    tmp_path: Path, server: Server, database: str
) -> None:
    """There and back again: each undo undoes the one before, and dies at another point."""
    scene = await rolled_back(tmp_path, server, database)
    world, former, targets = scene.world, scene.rolled_back, (scene.new, scene.old)
    for number, (at, time) in enumerate(POINTS):
        target = targets[number % 2]
        keep_images(world)
        world = await died_and_finished(world, former, target, at, time)
        former = (await world.ledger.operations("shop"))[0]
        assert (former.outcome, former.detail) == (Outcome.SUCCEEDED, ""), f"dying at {at} {time}"
        assert rows(world) == {BACKED_UP, LATER if target is scene.new else AFTER}, f"dying at {at} {time}"
        assert (await world.release()).fingerprint == target.fingerprint
        beside = server.databases(database)
        assert (beside[database], len(beside)) == (True, 2)
        world.told.clear()
    await world.ledger.close()


async def died_and_finished(
    world: DatabaseWorld, former: Operation, target: Release, at: str, time: int
) -> DatabaseWorld:
    """The world after an undo that was cut there, under the next process."""
    left = time

    async def die(place: str) -> None:
        nonlocal left
        left -= place == at and bool(world.begun)
        if left < 0:
            raise Death

    world.let(die)
    world.clusters.touch = die
    with contextlib.suppress(Death):
        await undone(world, former)
        pytest.fail(f"it lived at {at} {time}")
    following = world.reborn()
    following.backup, following.clusters = None, WatchedClusters(world.clusters.server)
    await following.resume(target)
    await world.ledger.close()
    return following
