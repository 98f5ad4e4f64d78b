"""What the plan tells of a database: who would be cut off, what stands by."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.postgres_server import Server
from tests.rollback.test_with_database import Broken, broken_deployment
from tests.rollback.world import NoServer
from watchdog.rollback.operate import Request
from watchdog.rollback.outlook import outlook
from watchdog.rollback.printout import printout
from watchdog.rollback.standby import prepare
from watchdog.rollback.target import Target

pytestmark = pytest.mark.engine


@pytest.fixture
async def broken(tmp_path: Path, server: Server, database: str) -> AsyncIterator[Broken]:
    world, good = await broken_deployment(tmp_path, server, database)
    yield world, good
    await world.ledger.close()


async def test_tells_who_is_connected_from_outside_and_would_be_cut_off(
    broken: Broken, server: Server
) -> None:
    world, _ = broken
    assert world.backup is not None
    [database] = world.stack.databases
    with server.connect(database.name) as client:
        client.execute("SET application_name = 'bi'")
        found = await outlook(world.hands(), world.backup, database)
    assert [(client.user, client.application) for client in found.outside] == [("shop", "bi")]
    assert found.standby == "none: the backup is restored first"


async def test_tells_that_a_proven_copy_stands_by(broken: Broken) -> None:
    world, _ = broken
    assert world.backup is not None
    await prepare(world.hands(), world.backup)
    found = await outlook(world.hands(), world.backup, world.stack.databases[0])
    assert found.standby == "ready: the swap is all that is left to do"


async def test_a_server_that_is_down_fails_no_plan(broken: Broken) -> None:
    world, good = broken
    hands = replace(world.hands(), clusters=NoServer())
    shown = await printout(hands, Request(Target(good, world.backup), "full", "alice", ()))
    [found] = shown["outlook"]
    assert (found["outside"], found["standby"]) == ((), "unknown")
    assert len(shown["displaces_unknown"]) == 1
    assert shown["obstacles"] == ["service database does not run"]
