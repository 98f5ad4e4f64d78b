"""What runs is compared with the target, whatever was ordered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes import MORNING
from tests.health.samples import check
from tests.rollback.samples import operation
from tests.rollback.world import World
from watchdog.errors import StepFailed
from watchdog.health.check import Answer, Severity
from watchdog.rollback.run import Run
from watchdog.rollback.steps.verify import verify_health
from watchdog.stack import Database, Health, Release

Broken = tuple[World, Release]


def run_of(world: World, target: Release, seconds: float = 0, **changes: Any) -> Run:
    hands = replace(world.hands(), verify_timeout=timedelta(seconds=seconds), **changes)
    return Run(hands, operation(), target, None, {})


async def what_runs(world: World) -> Release:
    return replace(await world.release(), id="target")


async def test_green_checks_and_the_targets_images_are_success(broken: Broken) -> None:
    world, _ = broken
    world.prober.script("api", (Answer.OK, "HTTP 200"))
    facts = await verify_health(run_of(world, await what_runs(world)))
    assert facts == {"checks": {"api": "HTTP 200"}, "excused": []}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"image_id": "sha256:bad"}, "backend runs image sha256:bad"),
        ({"config_hash": "bad"}, "backend has another definition"),
        ({"state": "exited"}, "backend does not run"),
        ({"state": "restarting"}, "backend does not run"),
    ],
)
async def test_anything_else_that_runs_is_a_failure(
    broken: Broken, change: dict[str, Any], complaint: str
) -> None:
    world, _ = broken
    target = await what_runs(world)
    await world.change("backend", **change)
    with pytest.raises(StepFailed, match=f"what runs is not release target: {complaint}"):
        await verify_health(run_of(world, target))


async def test_a_service_that_is_missing_is_a_failure(broken: Broken) -> None:
    world, _ = broken
    target = await what_runs(world)
    [web] = [c for c in await world.containers() if c.service == "web"]
    world.engine.remove(web.id)
    with pytest.raises(StepFailed, match="web does not run"):
        await verify_health(run_of(world, target))


@pytest.mark.parametrize("answer", [Answer.BAD, Answer.INCONCLUSIVE])
async def test_a_required_check_that_is_not_green_is_a_failure(broken: Broken, answer: Answer) -> None:
    world, _ = broken
    world.prober.script("api", (answer, "HTTP 500"))
    with pytest.raises(StepFailed, match="the services are back, but not healthy: api: HTTP 500"):
        await verify_health(run_of(world, await what_runs(world)))


async def test_a_wanted_check_does_not_decide(broken: Broken) -> None:
    world, _ = broken
    world.prober.script("extra", Answer.BAD)
    checks = (check("api"), check("extra", severity=Severity.WANTED))
    facts = await verify_health(run_of(world, await what_runs(world), checks=checks))
    assert list(facts["checks"]) == ["api"]


async def test_the_first_green_ends_the_wait(broken: Broken) -> None:
    world, _ = broken
    world.prober.script("api", *[Answer.BAD] * 10, Answer.OK)
    waiting = asyncio.create_task(verify_health(run_of(world, await what_runs(world), seconds=60)))
    await world.clock.advance(timedelta(seconds=60))
    await waiting
    assert (world.prober.asked[-1][1] - MORNING) == timedelta(seconds=0.5)


async def test_it_gives_up_at_the_timeout(broken: Broken) -> None:
    world, _ = broken
    world.prober.script("api", Answer.BAD)
    waiting = asyncio.create_task(verify_health(run_of(world, await what_runs(world), seconds=2)))
    await world.clock.advance(timedelta(seconds=1.9))
    assert not waiting.done()
    await world.clock.advance(timedelta(seconds=0.2))
    with pytest.raises(StepFailed, match="not healthy"):
        await waiting


async def test_what_a_person_had_stopped_may_be_there_stopped_in_whatever_version(broken: Broken) -> None:
    """The failed deployment had made and started it anew; the rollback stopped it and leaves it so."""
    world, _ = broken
    target = await what_runs(world)
    stopped = tuple(replace(s, running=s.service != "web") for s in target.services)
    await world.change("web", state="exited", image_id="sha256:of-the-failed-release")
    await verify_health(run_of(world, replace(target, services=stopped)))


async def test_what_a_person_had_stopped_must_not_run_in_another_version(broken: Broken) -> None:
    world, _ = broken
    target = await what_runs(world)
    stopped = tuple(replace(s, running=s.service != "web") for s in target.services)
    await world.change("web", image_id="sha256:of-the-failed-release")
    with pytest.raises(StepFailed, match="web runs image"):
        await verify_health(run_of(world, replace(target, services=stopped)))


@pytest.mark.parametrize("health", [Health.STARTING, Health.UNHEALTHY])
async def test_what_its_own_health_check_does_not_call_healthy_is_a_failure(
    broken: Broken, health: Health
) -> None:
    """Without any check of the operator's too."""
    world, _ = broken
    target = await what_runs(world)
    await world.change("backend", health=health)
    with pytest.raises(StepFailed, match=f"not healthy: backend is {health} by its own health check"):
        await verify_health(run_of(world, target, checks=()))


async def test_waits_until_a_starting_service_is_healthy(broken: Broken) -> None:
    world, _ = broken
    target = await what_runs(world)
    await world.change("backend", health=Health.STARTING)
    waiting = asyncio.create_task(verify_health(run_of(world, target, seconds=60)))
    await world.clock.advance(timedelta(seconds=20))
    assert not waiting.done()
    await world.change("backend", health=Health.HEALTHY)
    await world.clock.advance(timedelta(seconds=1))
    await waiting


@pytest.mark.parametrize(("change", "fails"), [({}, False), ({"image_id": "sha256:postgres-17"}, True)])
async def test_the_databases_own_service_is_part_of_the_release(
    broken: Broken, change: dict[str, Any], fails: bool
) -> None:
    """It is not restarted, and yet the target ran with this image of it."""
    world, _ = broken
    target = await what_runs(world)
    world.stack = replace(world.stack, databases=(Database("web", "shop", "shop"),))
    await world.change("web", **change)
    if fails:
        with pytest.raises(StepFailed, match="what runs is not release target: web runs image"):
            await verify_health(run_of(world, target))
    else:
        await verify_health(run_of(world, target))


async def test_out_of_scope_what_did_not_run_with_the_target_is_nobodys_business(broken: Broken) -> None:
    world, _ = broken
    target = await what_runs(world)
    stopped = tuple(replace(s, running=s.service != "web") for s in target.services)
    world.stack = replace(world.stack, services=("backend", "worker"))
    await world.change("web", image_id="sha256:of-somebody-else")
    await verify_health(run_of(world, replace(target, services=stopped)))


async def test_what_was_bad_before_the_deployment_is_not_demanded_and_said_so(broken: Broken) -> None:
    world, _ = broken
    target = await what_runs(world)
    world.prober.script("mail", Answer.BAD)
    await world.change("web", health=Health.UNHEALTHY)
    run = run_of(world, target, checks=(check("api"), check("mail")))
    excused = operation(excused=("mail", "renamed since"), excused_services=("web",))
    facts = await verify_health(replace(run, operation=excused))
    assert (list(facts["checks"]), facts["excused"]) == (["api"], ["mail"])
