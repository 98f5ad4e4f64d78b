"""The files go back: what the target did not have leaves its place, and nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rollback.world import World
from watchdog.rollback.operation import Outcome
from watchdog.stack import Release, ServiceRelease

Broken = tuple[World, Release]


@pytest.fixture
async def without_env(tmp_path: Path) -> AsyncIterator[Broken]:
    """Version 1 had no `.env`; version 2 brought one along."""
    world = World(tmp_path)
    await world.deploy("1")
    world.env.unlink()
    await world.orchestrator.up(world.stack, (), world.hands().verify_timeout)
    good = await world.release()
    assert world.env not in {file.path for file in good.files}
    await world.deploy("2")
    yield world, good
    await world.ledger.close()


async def test_an_env_file_that_the_failed_release_added_is_displaced(without_env: Broken) -> None:
    world, good = without_env
    operation = await world.roll_back(good)
    assert (operation.outcome, operation.detail) == (Outcome.SUCCEEDED, "")
    assert await world.release() == good
    assert not world.env.exists()
    kept = world.root / "incidents" / operation.id / "displaced" / world.env.relative_to("/")
    assert kept.read_text() == "VERSION=2\n"
    [revert] = [s for s in await world.ledger.steps(operation.id) if s.step == "revert_compose"]
    assert revert.facts["removed"] == [str(world.env)]


async def test_a_config_file_listed_only_later_stays_where_it_is(without_env: Broken) -> None:
    """It is mounted, not part of a definition, and nobody knows that the target did without."""
    world, good = without_env
    page = world.srv / "proxy.conf"
    page.write_text("listen 80")
    world.stack = replace(world.stack, config_files=(page,))
    operation = await world.roll_back(good)
    assert operation.outcome is Outcome.SUCCEEDED, operation.detail
    assert page.read_text() == "listen 80"


def otherwise(service: ServiceRelease) -> ServiceRelease:
    return replace(service, config_hash="of-another-world")


async def test_files_that_give_another_configuration_by_now_are_refused_before_anything_stops(
    broken: Broken,
) -> None:
    world, good = broken
    before = await world.running()
    target = replace(good, services=tuple(otherwise(s) if s.service == "web" else s for s in good.services))
    operation = await world.roll_back(target)
    assert operation.outcome is Outcome.REFUSED
    assert f"the files of release {good.id} give another configuration by now for web" in operation.detail
    assert (world.begun, await world.running()) == (["preflight"], before)
    assert world.env.read_text() == "VERSION=2\n"


async def test_what_only_the_revert_can_tell_is_left_to_it(broken: Broken) -> None:
    """A service's own env file is looked up beside the original, which the revert is about to change."""
    world, good = broken
    listed = good.files[0].content.replace(b"web: {", b"web: {env_file: [.env], ")
    target = replace(good, files=(replace(good.files[0], content=listed), *good.files[1:]))
    operation = await world.roll_back(target)
    assert operation.outcome is Outcome.HELD
    assert "are back, but give another configuration for web" in operation.detail
