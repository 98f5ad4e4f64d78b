"""What follows from a failed deployment: a rollback to the right pair, or a refusal that is alerted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from tests.daemon.house import LOOK, House
from tests.fakes import settle
from watchdog.daemon.guard import Guard
from watchdog.daemon.reacting import react
from watchdog.deploy.deployment import Phase
from watchdog.health.check import Answer
from watchdog.rollback.operation import Operation, Outcome
from watchdog.rollback.policy import DatabasePolicy, Mode, RollbackPolicy
from watchdog.rollback.target import AUTOMATIC
from watchdog.stack import Database

NOT_ROLLED_BACK = "deployment failed and was not rolled back"


async def failing(house: House, guard: Guard) -> None:
    """Version 2 is deployed by somebody and exits."""
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await house.end("backend", 1)
    await house.handled(guard, LOOK)


async def test_a_failed_deployment_is_rolled_back_to_what_was_good(house: House) -> None:
    guard = await house.adopted()
    assert guard.watch.good is not None
    files = house.compose.read_bytes()
    await failing(house, guard)
    assert (await house.heard("rollback_ended"))["outcome"] == Outcome.SUCCEEDED
    assert await house.running() == {"backend": "shop/backend:1", "web": "shop/web:1"}
    assert house.compose.read_bytes() == files
    operation = (await house.ledger.operations("shop"))[0]
    assert (operation.target_release, operation.actor) == (guard.watch.good.id, AUTOMATIC)
    assert (await house.newest_deployment()).phase is Phase.ROLLED_BACK
    assert (await house.titles())[0] == "rollback started"


async def test_what_a_rollback_brought_back_is_no_deployment(house: House) -> None:
    guard = await house.adopted()
    await failing(house, guard)
    await house.heard("rollback_ended")
    await house.live(guard, 60)
    assert len(await house.ledger.deployments("shop")) == 1
    assert guard.watch.deployment is None
    assert len(await house.ledger.operations("shop")) == 1


async def test_the_pair_is_the_good_release_with_its_newest_backup(house: House) -> None:
    guard = await house.adopted()
    for _ in range(2):
        backup = await guard.conductor.backup("wanted")
        house.clock.tick(timedelta(minutes=1))
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await guard.capturer.done()
    later = await guard.conductor.backup("of the new release")
    deployment = guard.watch.deployment
    assert deployment is not None
    reaction = await react(guard.tools, guard.watch, deployment)
    assert reaction.request is not None
    assert reaction.request.target.release == guard.watch.good
    assert reaction.request.target.backup is not None
    assert reaction.request.target.backup.timestamp == backup.timestamp != later.timestamp


async def test_mode_notify_alerts_what_would_have_been_done_and_how_to_do_it(house: House) -> None:
    house.rollback = RollbackPolicy(mode=Mode.NOTIFY)
    guard = await house.adopted()
    backup = await guard.conductor.backup("wanted")
    house.clock.tick(timedelta(minutes=3))
    assert guard.watch.good is not None
    await failing(house, guard)
    await house.heard("not_rolled_back")
    [told] = await house.alerts()
    assert told.title == NOT_ROLLED_BACK
    assert told.text.splitlines() == [
        "backend exited with code 1 and nothing restarts it",
        "Not rolled back: rollback.mode is notify",
        f"It would go back to release {guard.watch.good.id}, the database stays as it is: preflight → "
        "stop services → revert compose → pull images → restart services → verify health.",
        f"To do it: ops-watchdog rollback --stack shop --backup-timestamp {backup.timestamp} --keep-database",
    ]
    assert await house.ledger.operations("shop") == ()
    [line] = [n for n in await house.ledger.noted("shop") if n.kind == "refusal"]
    assert line.text == "not rolled back: rollback.mode is notify"


async def test_mode_off_says_that_it_failed_and_no_more(house: House) -> None:
    house.rollback = RollbackPolicy(mode=Mode.OFF)
    guard = await house.adopted()
    await failing(house, guard)
    await house.heard("not_rolled_back")
    [told] = await house.alerts()
    assert told.text.splitlines()[1:] == ["Not rolled back: rollback.mode is off"]
    assert await house.ledger.operations("shop") == ()


async def test_without_a_good_release_there_is_nothing_to_go_back_to(house: House) -> None:
    await house.deploy("1")
    guard = await house.on_guard()
    await failing(house, guard)
    assert "no release has been seen healthy" in (await house.heard("not_rolled_back"))["reason"]
    assert await house.titles() == [NOT_ROLLED_BACK]


async def with_a_spent_budget(house: House) -> None:
    """Two automatic rollbacks today, and a third deployment that fails."""
    guard = await house.adopted()
    now = house.clock.now()
    past = [
        Operation(str(n), "shop", "full", "r", None, f"d{n}", AUTOMATIC, (), now, Outcome.SUCCEEDED)
        for n in range(2)
    ]
    await house.ledger.write(*past)
    await failing(house, guard)


async def test_the_budget_of_a_day_is_spent_after_two(house: House) -> None:
    await with_a_spent_budget(house)
    assert "2 automatic rollbacks in 24 h" in (await house.heard("not_rolled_back"))["reason"]


async def test_it_binds_the_machine_and_keeps_no_person_from_being_asked(house: House) -> None:
    house.rollback = RollbackPolicy(mode=Mode.APPROVE)
    await with_a_spent_budget(house)
    assert await house.heard("rollback_proposed")


async def test_nothing_is_decided_while_docker_does_not_answer(house: House) -> None:
    guard = await house.adopted()
    await house.deploy("2")
    await house.handled(guard, LOOK)
    house.prober.script("api", Answer.BAD)
    house.engine.unreachable = True
    await house.live(guard, 600)
    assert await house.titles() == ["Docker does not answer"]
    assert guard.watch.deployment is not None
    assert guard.watch.deployment.phase is Phase.MONITORING


async def test_a_decided_rollback_waits_until_docker_answers(house: House) -> None:
    """A preflight that cannot see would refuse, and nobody would try again."""
    guard = await house.adopted()
    await house.deploy("2")
    await house.handled(guard, LOOK)
    backup = asyncio.create_task(guard.desk.work.run("backup", house.at_work()))
    await settle()
    await house.end("backend", 1)
    await house.handled(guard, LOOK)
    house.engine.unreachable = True
    await house.handled(guard, LOOK)
    house.work_done.set()
    await backup
    await house.handled(guard, LOOK)
    assert await house.ledger.operations("shop") == ()
    house.engine.unreachable = False
    await house.handled(guard, LOOK)
    assert (await house.heard("rollback_ended"))["outcome"] == Outcome.SUCCEEDED


async def test_a_database_that_never_goes_back_needs_no_backup(house: House) -> None:
    house.stack = replace(house.stack, databases=(Database("database", "shop", "shop"),))
    house.rollback = RollbackPolicy(mode=Mode.NOTIFY, database=DatabasePolicy.NEVER)
    guard = await house.adopted()
    await failing(house, guard)
    assert "the database stays as it is" in (await house.heard("not_rolled_back"))["lines"][0]
