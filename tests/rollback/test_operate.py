"""How a rollback is opened, and what people are told of its end."""

from __future__ import annotations

from tests.rollback.samples import deployment
from tests.rollback.world import World
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
