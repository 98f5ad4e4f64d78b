"""How a rollback is opened, and what people are told of its end."""

from __future__ import annotations

from tests.rollback.samples import deployment
from tests.rollback.world import World, undisturbed
from watchdog.errors import StepFailed
from watchdog.health.check import Answer
from watchdog.rollback.operation import Outcome
from watchdog.stack import Health, Release

Broken = tuple[World, Release]


async def test_what_was_bad_before_the_deployment_does_not_hold_the_rollback(broken: Broken) -> None:
    """All is back as it was: a check that was red before the deployment is red still."""
    world, good = broken
    world.prober.script("api", Answer.BAD)
    undone = deployment(baseline_red=frozenset({"api"}), baseline_unhealthy=frozenset({"web"}))
    await world.change("web", health=Health.UNHEALTHY)
    operation = await world.roll_back(good, undone=undone)
    assert (operation.outcome, operation.detail) == (Outcome.SUCCEEDED, "")
    assert (operation.excused, operation.excused_services) == (("api",), ("web",))
    said = "bad before the deployment already, so not demanded: api, web"
    assert said in (await world.ledger.pending_alerts())[-1].text
    assert said in (world.root / "incidents" / operation.id / "incident.md").read_text()


async def test_what_a_held_rollback_stopped_restarts_by_itself_again_once_another_one_is_through(
    broken: tuple[World, Release],
) -> None:
    """Held with every policy at `no`; the person goes on with what ran before, in the same containers."""
    world, good = broken
    newer = await world.release()

    async def refuse(at: str) -> None:
        if at == "config_hashes" and "revert_compose" in world.begun:
            raise StepFailed("no")

    world.let(refuse)
    assert (await world.roll_back(good)).outcome is Outcome.HELD
    assert {c.restart_policy for c in await world.containers()} == {"no"}
    world.let(undisturbed)
    assert (await world.roll_back(newer)).outcome is Outcome.SUCCEEDED
    policies = {c.service: c.restart_policy for c in await world.containers()}
    assert policies == {"backend": "always", "web": "no", "worker": "always"}
