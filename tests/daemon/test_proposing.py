"""Mode approve: a rollback waits for a person, who approves or rejects it, or for nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.daemon.house import LOOK, House
from tests.daemon.test_reacting import NOT_ROLLED_BACK, failing
from tests.fakes import FakeClock
from watchdog.daemon.approving import abort, approve
from watchdog.daemon.client import Caller
from watchdog.daemon.guard import Guard
from watchdog.daemon.lone import pipe
from watchdog.daemon.status import status
from watchdog.deploy.deployment import Phase
from watchdog.errors import Busy, Refused, Unreachable
from watchdog.rollback.ledger import Mark, Standing
from watchdog.rollback.operation import Operation, Outcome
from watchdog.rollback.policy import Mode, RollbackPolicy
from watchdog.rollback.proposal import Decision, Proposal

ANN = Caller(1, 7, "ann")
WAITS = "deployment failed: a rollback waits for approval"


async def proposed(house: House) -> Guard:
    """Version 2 failed, and a rollback to version 1 waits for approval."""
    house.rollback = RollbackPolicy(mode=Mode.APPROVE)
    guard = await house.adopted()
    await failing(house, guard)
    await house.heard("rollback_proposed")
    return guard


async def say_yes(guard: Guard, **arguments: Any) -> Any:
    return await approve(guard, arguments, pipe()[0], ANN)


async def newest(house: House) -> Proposal:
    found = await house.ledger.proposal((await house.newest_deployment()).id)
    assert found is not None
    return found


async def test_it_waits_and_says_how_to_decide_and_until_when(house: House) -> None:
    guard = await proposed(house)
    await house.live(guard, 60)
    assert await house.ledger.operations("shop") == ()
    [told] = await house.alerts()
    assert told.title == WAITS
    for words in (
        "backend exited with code 1",
        "It would go back to release",
        "To do it: ops-watchdog approve --stack shop",
        "To leave it: ops-watchdog abort --stack shop",
        "It expires at 2026-11-20 10:00 UTC",
    ):
        assert words in told.text
    shown = (await status(guard))["proposal"]
    assert shown["command"] == "ops-watchdog approve --stack shop"
    assert shown["expires_at"] == (await newest(house)).expires_at.isoformat()


async def test_approved_it_is_carried_out_in_the_persons_name(house: House) -> None:
    guard = await proposed(house)
    ended = await say_yes(guard)
    assert ended["outcome"] == Outcome.SUCCEEDED
    assert await house.running() == {"backend": "shop/backend:1", "web": "shop/web:1"}
    [operation] = await house.ledger.operations("shop")
    deployment = await house.newest_deployment()
    assert (operation.actor, operation.deployment) == (str(ANN), deployment.id)
    assert deployment.phase is Phase.ROLLED_BACK
    assert ((await newest(house)).decision, (await newest(house)).actor) == (Decision.APPROVED, str(ANN))
    with pytest.raises(Refused, match="no rollback of shop waits for approval"):
        await say_yes(guard)


async def test_its_plan_can_be_looked_at_first_and_is_what_is_done(house: House) -> None:
    guard = await proposed(house)
    shown = await say_yes(guard, plan=True)
    assert (shown["plan"][0], shown["obstacles"]) == ("preflight", [])
    assert "backend exited" in shown["why"], "nobody approves a plan without its reason"
    assert (await newest(house)).decision is Decision.OPEN
    assert (await say_yes(guard, seen=list(shown["seen"])))["outcome"] == Outcome.SUCCEEDED


async def test_it_outlives_the_daemon(house: House) -> None:
    guard = await house.reborn(await proposed(house))
    await house.live(guard, 30)
    assert await house.titles() == [WAITS], "and is not told a second time"
    assert (await status(guard))["proposal"] is not None
    assert (await say_yes(guard))["outcome"] == Outcome.SUCCEEDED


async def test_rejected_the_deployment_stays_as_it_is(house: House) -> None:
    guard = await proposed(house)
    done = await abort(guard, {"reason": "mended by hand"}, pipe()[0], ANN)
    assert done["aborted"] == "proposal"
    why = f"{ANN} decided against it: mended by hand"
    assert (await house.heard("not_rolled_back"))["reason"] == why
    assert await house.titles() == [WAITS, NOT_ROLLED_BACK]
    assert (await newest(house)).decision is Decision.ABORTED
    assert (await house.newest_deployment()).ended_at == house.clock.now()
    await house.live(guard, 30)
    assert await house.ledger.operations("shop") == ()
    [audit] = await house.ledger.audits("shop")
    about = (await newest(house)).deployment
    assert (audit.action, audit.detail) == ("abort", f"proposal for {about}: mended by hand")


@pytest.mark.parametrize("away", [False, True])
async def test_nobody_came_so_nothing_is_done(house: House, away: bool) -> None:
    guard = await proposed(house)
    if away:
        await house.go_home(guard)
    house.clock.tick(timedelta(hours=1))
    guard = await house.on_guard() if away else guard
    if not away:
        with pytest.raises(Refused, match="is expired: nobody approved it until 2026-11-20 10:00 UTC"):
            await say_yes(guard)
    await house.handled(guard, LOOK)
    assert (await newest(house)).decision is Decision.EXPIRED
    assert (await house.newest_deployment()).ended_at == house.clock.now()
    [told] = [alert for alert in await house.alerts() if alert.title == NOT_ROLLED_BACK]
    assert "nobody approved it until 2026-11-20 10:00 UTC" in told.text
    assert "ops-watchdog rollback --stack shop" in told.text
    assert await house.ledger.operations("shop") == ()


async def test_the_next_deployment_withdraws_it(house: House) -> None:
    guard = await proposed(house)
    failed = await newest(house)
    await house.deploy("3")
    await house.handled(guard, LOOK)
    gone = await house.ledger.proposal(failed.deployment)
    assert gone is not None
    assert gone.decision is Decision.WITHDRAWN
    assert guard.watch.deployment is not None
    assert guard.watch.deployment.id != failed.deployment, "also at once: what failed is not mended by it"
    with pytest.raises(Refused, match="no rollback of shop waits"):
        await say_yes(guard)


async def test_a_rollback_by_a_person_withdraws_it(house: House) -> None:
    guard = await proposed(house)
    failed = await newest(house)
    request = await guard.desk.ask(guard.proposals.fitting)
    await guard.rollbacks.carry_out(replace(request, actor="user bob (uid 8)"))
    await house.handled(guard, LOOK)
    gone = await house.ledger.proposal(failed.deployment)
    assert gone is not None
    assert gone.decision is Decision.WITHDRAWN


async def test_what_does_not_fit_any_more_is_withdrawn_and_not_done(house: House) -> None:
    """The target was seen to fail meanwhile: nothing good is left to go back to."""
    guard = await proposed(house)
    good, now = guard.watch.good, house.clock.now()
    assert good is not None
    await house.ledger.write(Mark("shop", good.fingerprint, Standing.FAILED, now, "by hand"))
    with pytest.raises(Refused, match=r"does not fit any more and was withdrawn: release .* failed before"):
        await say_yes(guard)
    await house.handled(guard, LOOK)
    assert (await newest(house)).decision is Decision.WITHDRAWN
    assert (await house.titles())[-1] == NOT_ROLLED_BACK
    assert await house.ledger.operations("shop") == ()


async def test_what_has_become_another_rollback_is_proposed_anew(house: House) -> None:
    """Nobody said yes to that one."""
    guard = await proposed(house)
    other = replace(await newest(house), release="another")
    guard.watch.proposal = other
    with pytest.raises(Refused, match="what is due now is another rollback"):
        await say_yes(guard)
    assert await house.ledger.operations("shop") == ()
    await house.handled(guard, LOOK)
    await house.heard("rollback_proposed")
    assert (await say_yes(guard))["outcome"] == Outcome.SUCCEEDED


async def test_while_docker_does_not_answer_it_goes_on_waiting(house: House) -> None:
    guard = await proposed(house)
    house.engine.unreachable = True
    with pytest.raises(Unreachable):
        await say_yes(guard)
    assert (await newest(house)).decision is Decision.OPEN


async def test_while_the_stack_is_busy_it_goes_on_waiting(house: House) -> None:
    """Somebody else's process holds the lock."""
    guard = await proposed(house)
    async with guard.tools.hands.lock.hold("shop", "backup"):
        with pytest.raises(Busy):
            await say_yes(guard)
        assert (await newest(house)).decision is Decision.OPEN
    assert (await say_yes(guard))["outcome"] == Outcome.SUCCEEDED


async def test_a_held_rollback_is_dealt_with_when_a_person_says_so(house: House) -> None:
    guard = await house.adopted()
    with pytest.raises(Refused, match="nothing of shop waits for a decision"):
        await abort(guard, {}, pipe()[0], ANN)
    await house.ledger.write(held(house.clock))
    assert any("rollback o1 is held" in why for why in (await status(guard))["why_not"])
    assert (await abort(guard, {}, pipe()[0], ANN)) == {"aborted": "held", "id": "o1"}
    assert (await status(guard))["why_not"] == []
    assert "rollback o1 is no longer held" in await house.titles()


def held(clock: FakeClock) -> Operation:
    now = clock.now()
    return Operation("o1", "shop", "full", "r", None, None, "user", (), now, Outcome.HELD, now)
