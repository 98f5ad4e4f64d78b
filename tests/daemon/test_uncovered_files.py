"""Mounted files: a container started with other bytes of one is another release, image and hash or not."""

from __future__ import annotations

from pathlib import Path

from tests.daemon.house import LOOK, House
from watchdog.daemon.guard import Guard
from watchdog.deploy.deployment import Kind, Phase
from watchdog.health.check import Answer


async def over_mounted_files(house: House) -> Guard:
    """An adopted guard; the backend mounts `app.conf`, the front end `site.conf`, both from the stack."""
    for name in ("app.conf", "site.conf"):
        (house.srv / name).write_text("one")
    await house.deploy("1")
    mount(house, "backend-1", house.srv / "app.conf")
    mount(house, "web-2", house.srv / "site.conf")
    house.clock.tick(house.deployment.min_healthy_time)  # what is captured ran already
    guard = await house.on_guard()
    await house.live(guard, 40)
    assert guard.watch.good is not None
    return guard


def mount(house: House, container: str, path: Path) -> None:
    house.engine.change(container, mounted_files=(path,))


async def start_again(house: House, guard: Guard, container: str) -> None:
    house.clock.tick(house.deployment.min_healthy_time)
    house.engine.change(container, started_at=house.clock.now())
    await house.handled(guard, LOOK)
    await guard.capturer.done()


def content(guard: Guard, name: str) -> bytes:
    assert guard.watch.release is not None
    return next(file.content for file in guard.watch.release.files if file.path.name == name)


async def test_a_start_with_other_bytes_is_a_deployment_with_the_old_bytes_as_its_target(
    house: House,
) -> None:
    guard = await over_mounted_files(house)
    good = guard.watch.good
    (house.srv / "site.conf").write_text("two")
    await start_again(house, guard, "web-2")
    deployment = guard.watch.deployment
    assert good is not None
    assert deployment is not None
    assert (deployment.kind, deployment.phase) == (Kind.OBSERVED, Phase.MONITORING)
    assert deployment.target_release == good.id
    assert house.told("deployment_observed")[0]["services"] == ["web"]
    assert not guard.watch.runs(good, house.stack)


async def test_it_becomes_good_with_its_new_bytes(house: House) -> None:
    guard = await over_mounted_files(house)
    (house.srv / "site.conf").write_text("two")
    await start_again(house, guard, "web-2")
    await house.live(guard, 620)
    assert guard.watch.good == guard.watch.release
    assert content(guard, "site.conf") == b"two"


async def test_an_edit_alone_is_none_and_neither_is_a_start_with_the_same_bytes(house: House) -> None:
    guard = await over_mounted_files(house)
    await start_again(house, guard, "web-2")
    (house.srv / "site.conf").write_text("two")
    await house.live(guard, 40)
    assert guard.watch.deployment is None


async def test_what_another_container_mounts_is_as_it_was_started(house: House) -> None:
    guard = await over_mounted_files(house)
    for name in ("app.conf", "site.conf"):
        (house.srv / name).write_text("two")
    await start_again(house, guard, "web-2")
    assert (content(guard, "site.conf"), content(guard, "app.conf")) == (b"two", b"one")


async def test_a_file_of_the_host_is_the_hosts(house: House) -> None:
    zone = house.root / "localtime"
    zone.write_text("winter")
    guard = await over_mounted_files(house)
    mount(house, "web-2", zone)
    await start_again(house, guard, "web-2")
    zone.write_text("summer")
    await start_again(house, guard, "web-2")
    assert guard.watch.deployment is None


async def test_what_the_engine_starts_again_after_a_crash_may_have_written_it_itself(house: House) -> None:
    guard = await over_mounted_files(house)
    (house.srv / "site.conf").write_text("two")
    house.engine.change("web-2", restart_count=1)
    await start_again(house, guard, "web-2")
    assert guard.watch.deployment is None


async def test_a_start_within_an_open_window_opens_no_second_one(house: House) -> None:
    guard = await over_mounted_files(house)
    await house.deploy("2")
    await house.handled(guard, LOOK)
    first = guard.watch.deployment
    (house.srv / "app.conf").write_text("two")
    await start_again(house, guard, "web-2")
    now = guard.watch.deployment
    assert first is not None
    assert now is not None
    assert now.id == first.id


async def test_one_that_was_started_long_ago_while_nobody_looked_is_not_judged(house: House) -> None:
    guard = await over_mounted_files(house)
    await house.go_home(guard)
    (house.srv / "site.conf").write_text("two")
    house.clock.tick(house.deployment.min_healthy_time)
    house.engine.change("web-2", started_at=house.clock.now())
    house.clock.tick(2 * house.deployment.monitor)
    guard = await house.on_guard()
    assert guard.watch.deployment is None
    assert guard.watch.good is None


async def test_one_that_breaks_the_stack_is_rolled_back_to_the_old_bytes(house: House) -> None:
    guard = await over_mounted_files(house)
    good = guard.watch.good
    assert good is not None
    (house.srv / "site.conf").write_text("two")
    await start_again(house, guard, "web-2")
    house.prober.script("api", *[Answer.BAD] * 100)
    await house.live(guard, 120)
    await house.heard("rollback_ended")
    assert house.told("rollback_decided")[0]["release"] == good.id
    assert (house.srv / "site.conf").read_text() == "one"


async def test_what_a_rollback_brought_back_is_no_deployment_whoever_captures_it(house: House) -> None:
    guard = await over_mounted_files(house)
    (house.srv / "site.conf").write_text("two")
    await start_again(house, guard, "web-2")
    house.prober.script("api", *[Answer.BAD] * 100)
    await house.live(guard, 120)
    await house.heard("rollback_ended")
    guard = await house.reborn(guard)
    house.prober.script("api", Answer.OK)
    await house.live(guard, 60)
    assert len(await house.ledger.deployments("shop")) == 1
    assert (house.srv / "site.conf").read_text() == "one"


async def test_what_a_rollback_brought_back_is_none_for_the_same_process_either(house: House) -> None:
    guard = await over_mounted_files(house)
    (house.srv / "site.conf").write_text("two")
    await start_again(house, guard, "web-2")
    house.prober.script("api", *[Answer.BAD] * 100)
    await house.live(guard, 120)
    await house.heard("rollback_ended")
    await house.live(guard, 60)
    assert len(await house.ledger.deployments("shop")) == 1
