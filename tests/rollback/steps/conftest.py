"""A broken deployment for each test of a step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rollback.world import World, broken_deployment
from watchdog.stack import Release


@pytest.fixture
async def broken(tmp_path: Path) -> AsyncIterator[tuple[World, Release]]:
    world, good = await broken_deployment(tmp_path)
    yield world, good
    await world.ledger.close()
