"""A broken deployment for each test; the real server, for the tests marked `engine`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.postgres_server import database, server
from tests.rollback.world import World, broken_deployment
from watchdog.stack import Release

__all__ = ["broken", "database", "server"]


@pytest.fixture
async def broken(tmp_path: Path) -> AsyncIterator[tuple[World, Release]]:
    world, good = await broken_deployment(tmp_path)
    yield world, good
    await world.ledger.close()
