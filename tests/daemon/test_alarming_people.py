"""What people hear while they have something in hand: maintenance, a held rollback, a proposal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.daemon.alarms import heard, later, red
from tests.daemon.house import House
from tests.fakes import MORNING
from tests.health.samples import check
from watchdog.daemon.guard import Guard
from watchdog.deploy.deployment import Phase
from watchdog.health.check import Answer
from watchdog.rollback.operation import Operation, Outcome
from watchdog.rollback.policy import Mode, RollbackPolicy
from watchdog.rollback.proposal import Proposal
from watchdog.rollback.suspension import Suspends, Suspension

HOUR = timedelta(hours=1)
HELD = Operation(
    "20261120_080000-shop", "shop", "full", "release-1", None, None, "automatic", (), MORNING - HOUR,
    Outcome.HELD, MORNING - HOUR, "the schema of shop cannot be read",
)  # fmt: skip


async def test_in_maintenance_nothing_is_told_but_what_is_over_and_afterwards_what_lasts(
    house: House,
) -> None:
    house.checks = (check("api"), check("web"))
    guard = await house.adopted()
    await red(house, guard, "web")
    await house.live(guard, 10)
    until = house.clock.now() + HOUR
    await house.ledger.write(
        Suspension("shop", Suspends.MAINTENANCE, house.clock.now(), until, "user root (uid 0)")
    )
    await red(house, guard)
    house.prober.script("web", Answer.OK)
    await house.live(guard, 60)
    assert await heard(house) == ["check web is down", "check web is up again"]
    await later(house, guard, HOUR)
    await house.live(guard, 5)
    assert "check api is down" in await heard(house)


async def test_a_pause_silences_nothing(house: House) -> None:
    guard = await house.adopted()
    now = house.clock.now()
    await house.ledger.write(Suspension("shop", Suspends.PAUSE, now, now + HOUR, "user root (uid 0)"))
    await red(house, guard)
    await house.live(guard, 10)
    assert "check api is down" in await heard(house)


async def test_a_held_rollback_never_goes_quiet_until_it_is_resolved(house: House) -> None:
    await house.deploy("1")
    await house.ledger.write(HELD)
    guard = await house.on_guard()
    title = f"rollback {HELD.id} is still held"
    assert await heard(house) == [title]
    assert "the schema of shop cannot be read" in (await house.alerts())[-1].text
    for _ in range(3):
        await later(house, guard, 6 * HOUR)
    guard = await house.reborn(guard)
    assert await heard(house) == [title] * 4
    done = replace(HELD, id="o2", started_at=house.clock.now(), outcome=Outcome.SUCCEEDED)
    await house.ledger.write(done)
    guard = await house.reborn(guard)
    await later(house, guard, timedelta(seconds=10))
    assert (await heard(house))[4:] == [f"rollback {HELD.id} is no longer held"]


async def test_a_rollback_that_this_process_held_is_reminded_of(house: House) -> None:
    guard = await house.adopted()
    await house.deploy("2")
    await house.live(guard, 40)
    house.prober.script("api", Answer.BAD)
    await house.live(guard, 30)
    assert (await house.heard("rollback_ended"))["outcome"] == Outcome.HELD
    await house.live(guard, 5)
    await later(house, guard, timedelta(minutes=29))
    operation = (await house.ledger.operations("shop"))[0].id
    assert f"rollback {operation} is still held" not in await heard(house)
    await later(house, guard, timedelta(minutes=2))
    assert f"rollback {operation} is still held" in " ".join(await heard(house))


async def test_a_rollback_that_has_just_been_told_to_be_held_is_not_told_again_at_once(house: House) -> None:
    guard = await house.adopted()
    await house.ledger.write(replace(HELD, started_at=house.clock.now(), ended_at=house.clock.now()))
    guard = await house.reborn(guard)
    await house.live(guard, 60)
    assert await heard(house) == []


async def test_a_proposal_is_reminded_of_once_shortly_before_it_expires(house: House) -> None:
    house.rollback = RollbackPolicy(mode=Mode.NOTIFY)
    guard = await house.adopted()
    await house.deploy("2")
    await house.live(guard, 40)
    deployment = replace(await house.newest_deployment(), phase=Phase.FAILED)
    await house.go_home(guard)
    now = house.clock.now()
    proposal = Proposal(deployment.id, "shop", now, now + HOUR, "release-1", None, "full", ("api: red",))
    await house.ledger.write(proposal)
    alarming = Guard(house.tools()).alarming
    alarming._desk.watch.deployment = deployment
    for minutes in (44, 2, 10, 5):
        await alarming.review()
        house.clock.tick(timedelta(minutes=minutes))
    await alarming.review()
    assert [t for t in await heard(house) if t.startswith("proposal")] == [
        f"proposal {deployment.id} still waits for approval"
    ]
