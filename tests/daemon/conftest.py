"""The house that the daemon's tests keep guard over, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.daemon.house import House
from tests.postgres_server import database, server

__all__ = ["database", "house", "server"]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Whatever a test leaves at work is ended with it."""
    house = House(tmp_path)
    yield house
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await house.ledger.close()
