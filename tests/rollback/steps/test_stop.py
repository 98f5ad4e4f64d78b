"""What stops, in which order, and what stays stopped; what an abort starts again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.rollback.samples import operation
from tests.rollback.world import World
from tests.stack.samples import needing
from watchdog.rollback.operation import Outcome
from watchdog.rollback.run import Run
from watchdog.rollback.steps.preflight import preflight
from watchdog.rollback.steps.stop import start_again, stop_services
from watchdog.stack import Database, Release


@pytest.fixture
def world(tmp_path: Path) -> World:
    """web needs backend, backend needs the database; backend would restart by itself."""
    world = World(tmp_path)
    world.stack = replace(world.stack, databases=(Database("database", "shop", "shop"),))
    backend = replace(needing("backend", "database"), restart_policy="always")
    stopped = replace(needing("cron", "backend"), state="exited")
    world.engine.put("shop", needing("database"), backend, needing("web", "backend"), stopped)
    return world


def run_of(world: World, target: Release | None = None) -> Run:
    empty = Release("r", "shop", world.clock.now(), (), ())
    return Run(world.hands(), operation(), target or empty, None, {})


async def test_policies_go_first_then_dependents_and_never_the_database(world: World) -> None:
    facts = await stop_services(run_of(world))
    assert world.engine.calls == [
        ("set_restart_policy", "id-backend", "no", 0),
        ("stop", "shop-web-1", "shop-cron-1"),
        ("stop", "shop-backend-1"),
    ]
    assert facts == {"stopped": ["backend", "web"]}
    assert list(await world.running()) == ["database"]


async def test_only_the_configured_services_stop(world: World) -> None:
    world.stack = replace(world.stack, services=("web",))
    await stop_services(run_of(world))
    assert sorted(await world.running()) == ["backend", "database"]


async def test_starting_again_brings_back_what_ran_in_order_and_leaves_what_a_person_had_stopped(
    world: World,
) -> None:
    run = run_of(world)
    world.stack = replace(world.stack, files=())
    before = await world.containers()
    facts = {"preflight": await preflight(replace(run, hands=world.hands()))}
    await stop_services(run)
    world.engine.calls.clear()
    assert await start_again(replace(run, facts=facts)) == {"started": ["backend", "web"]}
    assert world.engine.calls == [
        ("set_restart_policy", "id-backend", "always", 0),
        ("start", "shop-backend-1"),
        ("start", "shop-web-1"),
    ]
    after = await world.containers()
    assert [(c.state, c.restart_policy) for c in after] == [(c.state, c.restart_policy) for c in before]


async def test_what_a_person_had_stopped_stays_stopped_and_does_not_return_with_a_reboot(
    tmp_path: Path,
) -> None:
    """The failed deployment had started it anew, in its own version and with a restart policy."""
    world = World(tmp_path)
    await world.deploy("1")
    await world.change("web", state="exited")
    good = await world.release()
    await world.deploy("2")
    await world.change("web", image_id="sha256:web-2", restart_policy="always")
    ended = await world.roll_back(good)
    assert (ended.outcome, ended.detail) == (Outcome.SUCCEEDED, "")
    [web] = [c for c in await world.containers() if c.service == "web"]
    assert (web.state, web.restart_policy) == ("exited", "no")
    await world.ledger.close()
