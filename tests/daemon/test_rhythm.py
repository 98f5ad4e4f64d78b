"""A check of a service's own HEALTHCHECK is asked in the rhythm that the running image brings along."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from tests.daemon.house import LOOK, House
from tests.health.samples import check
from watchdog.daemon.messages import Hint
from watchdog.daemon.status import status
from watchdog.health.check import Check, EngineHealth
from watchdog.health.streak import Color
from watchdog.stack import Event, Healthcheck

SLOW = Healthcheck(interval=timedelta(seconds=20), start_period=timedelta(seconds=90), retries=5)
FOLLOWING = check(
    "backend's own", probe=EngineHealth("backend"), follows=frozenset({"interval", "start_period"})
)


class Asked:
    """Remembers what it is to ask."""

    def __init__(self) -> None:
        self.checks: list[tuple[Check, ...]] = []
        self.services: list[str] = []

    def replace(self, checks: Iterable[Check]) -> None:
        self.checks.append(tuple(checks))

    def turned(self, service: str) -> None:
        self.services.append(service)


async def test_the_image_that_runs_sets_the_rhythm_of_what_the_operator_left_open(house: House) -> None:
    house.checks = (FOLLOWING, check("api"))
    guard = await house.adopted()
    guard.desk.asker = asked = Asked()
    before = guard.watch.checks["backend's own"]
    house.engine.change("backend-1", healthcheck=SLOW)
    await house.handled(guard, LOOK)
    own = guard.watch.checks["backend's own"]
    assert (own.check.interval, own.check.start_period) == (SLOW.interval, SLOW.start_period)
    assert own.check.failure_threshold == FOLLOWING.failure_threshold, "the operator's word"
    assert (own.color, own.since) == (Color.GREEN, before.since), "what is known of it stays"
    assert [[c.name for c in checks] for checks in asked.checks] == [["backend's own", "api"]]
    await house.handled(guard, LOOK)
    assert len(asked.checks) == 1, "nothing has changed since"


async def test_an_image_without_a_healthcheck_leaves_the_configured_rhythm(house: House) -> None:
    house.checks = (FOLLOWING,)
    guard = await house.adopted()
    house.engine.change("backend-1", healthcheck=SLOW)
    await house.handled(guard, LOOK)
    house.engine.change("backend-1", healthcheck=None)
    await house.handled(guard, LOOK)
    assert guard.watch.checks["backend's own"].check == FOLLOWING


async def test_a_reload_keeps_the_rhythm_of_what_runs(house: House) -> None:
    house.checks = (FOLLOWING,)
    guard = await house.adopted()
    house.engine.change("backend-1", healthcheck=SLOW)
    await house.handled(guard, LOOK)
    await guard.desk.ask(lambda: guard.reconfigure(house.tools()))
    assert guard.watch.checks["backend's own"].check.interval == SLOW.interval


async def test_a_healthcheck_that_turned_is_asked_for_before_its_round(house: House) -> None:
    guard = await house.adopted()
    guard.desk.asker = asked = Asked()
    turned = Event("health_status: healthy", project="shop", service="backend", container="backend-1")
    await house.handled(guard, Hint(turned))
    assert asked.services == ["backend"]


async def test_status_names_what_the_window_is_too_short_to_see(house: House) -> None:
    house.checks = ()
    guard = await house.adopted()
    assert (await status(guard))["blind_spots"] == [
        "no required check and no HEALTHCHECK: only exits and restarts can tell of a failure"
    ]
    house.engine.change("backend-1", healthcheck=replace(SLOW, interval=timedelta(minutes=5)))
    await house.handled(guard, LOOK)
    [spot] = (await status(guard))["blind_spots"]
    assert spot.startswith("the HEALTHCHECK of backend takes 1590 s to fail, and the window ends after 600 s")
