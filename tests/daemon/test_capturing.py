"""The running release stays captured, with the bytes that it was started with."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.daemon.house import LOOK, House
from tests.fakes import settle
from watchdog.daemon.guard import Guard
from watchdog.stack import Release


def content(release: Release | None, name: str) -> bytes:
    assert release is not None
    return next(file.content for file in release.files if file.path.name == name)


@pytest.fixture
async def guard(house: House) -> Guard:
    """Over version 1, with a further file that no hash covers."""
    site = house.srv / "site.conf"
    site.write_text("one")
    house.stack = replace(house.stack, config_files=(site,))
    await house.deploy("1")
    house.clock.tick(house.deployment.min_healthy_time)
    return await house.on_guard()


async def test_the_next_release_lying_on_disk_changes_nothing(house: House, guard: Guard) -> None:
    captured, old = guard.watch.release, house.compose.read_bytes()
    house.edit("2")
    await house.live(guard, 40)
    assert guard.watch.release == captured
    assert content(captured, "compose.yml") == old


async def test_an_uncovered_file_keeps_the_bytes_that_the_containers_were_started_with(
    house: House, guard: Guard
) -> None:
    (house.srv / "site.conf").write_text("two")
    house.engine.change("web-2", state="exited", exit_code=0)  # another look at the same containers
    await house.live(guard, 5)
    assert content(guard.watch.release, "site.conf") == b"one"


async def test_it_keeps_them_over_a_restart_of_the_guard(house: House, guard: Guard) -> None:
    (house.srv / "site.conf").write_text("two")
    guard = await house.reborn(guard)
    assert content(guard.watch.release, "site.conf") == b"one"


async def start_again(house: House) -> None:
    """All containers, some time after another file was put in place, and some time before now."""
    (house.srv / "site.conf").write_text("two")
    house.clock.tick(house.deployment.min_healthy_time)
    for container in await house.containers():
        house.engine.change(container.id, started_at=house.clock.now())
    house.clock.tick(house.deployment.min_healthy_time)


async def test_containers_that_were_started_again_have_read_the_new_bytes(house: House, guard: Guard) -> None:
    await start_again(house)
    await house.handled(guard, LOOK)
    await guard.capturer.done()
    assert content(guard.watch.release, "site.conf") == b"two"


async def test_a_start_seen_while_a_capture_is_being_noted_is_captured_too(
    house: House, guard: Guard
) -> None:
    """The old capture's answer and the hint of the start lie in the inbox together."""
    unblock = asyncio.Event()
    blocked = asyncio.create_task(guard.desk.ask(unblock.wait))
    guard.capturer.soon()
    await settle()
    await start_again(house)
    guard.desk.post(LOOK)
    unblock.set()
    await blocked
    await house.handled(guard)
    await guard.capturer.done()
    assert content(guard.watch.release, "site.conf") == b"two"


async def test_what_was_edited_but_not_deployed_stays_captured_although_a_container_starts_again(
    house: House, guard: Guard
) -> None:
    old = house.compose.read_bytes()
    house.edit("2")
    (house.srv / "site.conf").write_text("two")
    house.clock.tick(house.deployment.min_healthy_time)
    house.engine.change("backend-1", started_at=house.clock.now())
    await house.live(guard, 5)
    assert content(guard.watch.release, "compose.yml") == old
    assert content(guard.watch.release, "site.conf") == b"two", "it was started with these"


async def test_what_was_edited_before_anybody_looked_disarms(house: House) -> None:
    await house.deploy("1")
    house.edit("2")
    guard = await house.on_guard()
    await house.live(guard, 5)
    assert guard.watch.release is None
    assert "backend would be changed by the next 'up'" in guard.watch.uncaptured
    assert len(house.told("release_not_captured")) == 1
