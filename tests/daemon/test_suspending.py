"""Pause and maintenance: nothing is rolled back unattended meanwhile, everything is recorded and told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.daemon.house import LOOK, House
from tests.daemon.test_reacting import NOT_ROLLED_BACK, failing
from watchdog.daemon.arming import why_unarmed
from watchdog.daemon.guard import Guard
from watchdog.deploy.deployment import Phase
from watchdog.errors import Refused, UsageError
from watchdog.rollback.operation import Outcome
from watchdog.rollback.suspension import LONGEST, Suspends, Suspension

HOUR = timedelta(hours=1)
PERSON = "user ann (uid 7)"
ENDED = "the pause is over: automatic rollback goes on"


async def pause(guard: Guard, length: timedelta = HOUR, kind: Suspends = Suspends.PAUSE) -> Suspension:
    return await guard.desk.ask(lambda: guard.suspender.begin(kind, length, PERSON, "a fair"))


@pytest.mark.parametrize("kind", Suspends)
async def test_a_deployment_that_fails_meanwhile_is_closed_and_told_as_in_mode_notify(
    house: House, kind: Suspends
) -> None:
    guard = await house.adopted()
    made = await pause(guard, kind=kind)
    assert str(made) in await why_unarmed(guard.desk)
    await failing(house, guard)
    told = await house.heard("not_rolled_back")
    assert told["reason"] == str(made)
    assert told["lines"][0].startswith("It would go back to release")
    assert await house.ledger.operations("shop") == ()
    deployment = await house.newest_deployment()
    assert (deployment.phase, deployment.ended_at) == (Phase.FAILED, house.clock.now())
    assert NOT_ROLLED_BACK in await house.titles()


async def test_a_window_that_is_still_open_when_the_pause_ends_is_judged_as_before(house: House) -> None:
    guard = await house.adopted()
    await pause(guard, timedelta(minutes=1))
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await house.live(guard, 90)
    assert ENDED in await house.titles()
    await house.end("backend", 1)
    await house.handled(guard, LOOK)
    assert (await house.heard("rollback_ended"))["outcome"] == Outcome.SUCCEEDED


async def test_its_end_is_told_once_also_by_the_daemon_that_comes_later(house: House) -> None:
    guard = await house.adopted()
    made = await pause(guard)
    await house.go_home(guard)
    house.clock.tick(2 * HOUR)
    guard = await house.on_guard()
    guard = await house.reborn(guard)
    await house.handled(guard, LOOK)
    assert (await house.titles()).count(ENDED) == 1
    assert await house.ledger.suspensions("shop") == (replace(made, ended_at=made.until),)
    assert await why_unarmed(guard.desk) == ()


async def test_it_holds_across_a_restart(house: House) -> None:
    guard = await house.adopted()
    made = await pause(guard)
    guard = await house.reborn(guard)
    await failing(house, guard)
    assert (await house.heard("not_rolled_back"))["reason"] == str(made)


async def test_a_person_may_end_it_and_begin_another(house: House) -> None:
    guard = await house.adopted()
    await pause(guard)
    await guard.desk.ask(lambda: guard.suspender.end(Suspends.PAUSE, PERSON))
    assert await why_unarmed(guard.desk) == ()
    with pytest.raises(Refused, match="no pause of shop holds now"):
        await guard.desk.ask(lambda: guard.suspender.end(Suspends.PAUSE, PERSON))
    await pause(guard)
    longer = await pause(guard, 2 * HOUR)
    assert await house.ledger.suspensions("shop") == (longer,)
    story = [n.text for n in await house.ledger.noted("shop") if n.kind == "suspension"]
    assert f"pause ended by {PERSON}" in story
    assert {audit.actor for audit in await house.ledger.audits("shop")} == {PERSON}


@pytest.mark.parametrize("length", [timedelta(0), LONGEST + timedelta(seconds=1)])
async def test_it_must_end_some_day(house: House, length: timedelta) -> None:
    guard = await house.adopted()
    with pytest.raises(UsageError, match="at most 7d"):
        await pause(guard, length)


async def test_the_guard_wakes_for_its_end(house: House) -> None:
    guard = await house.adopted()
    assert guard.suspender.pause is None
    made = await pause(guard, timedelta(seconds=20))
    assert guard.suspender.pause == made.until - house.clock.now()
    house.clock.tick(timedelta(minutes=1))
    assert guard.suspender.pause == timedelta(seconds=1), "and not more often where it cannot be written"
