"""A rollback that was decided is carried out, told how it ended, or taken up again: never dropped."""

from __future__ import annotations

from datetime import timedelta

from tests.daemon.house import LOOK, House
from watchdog.adapters.file_lock import FileLock
from watchdog.adapters.sqlite_ledger import SqliteLedger
from watchdog.daemon.guard import Guard
from watchdog.daemon.wanting import choose
from watchdog.deploy.deployment import Phase
from watchdog.errors import WatchdogError
from watchdog.health.check import Answer
from watchdog.rollback.ledger import Record, Standing
from watchdog.rollback.operate import Request
from watchdog.rollback.operation import Operation, Outcome, StepRecord
from watchdog.rollback.target import AUTOMATIC, Target

PERSON = "user alice (uid 1000)"


async def failing(house: House, guard: Guard) -> None:
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await house.end("backend", 1)
    await house.handled(guard, LOOK)


async def open_rollback(house: House) -> Guard:
    """A process died with a rollback of version 2 open; another guard starts."""
    guard = await house.adopted()
    good = guard.watch.good
    assert good is not None
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await house.go_home(guard)
    now = house.clock.now()
    deployment = (await house.newest_deployment()).id
    await house.ledger.write(Operation("o1", "shop", "full", good.id, None, deployment, AUTOMATIC, (), now))
    return await house.on_guard()


async def test_one_that_a_dead_process_left_open_is_resumed(house: House) -> None:
    guard = await open_rollback(house)
    assert (await house.heard("rollback_ended"))["operation"] == "o1"
    assert await house.running() == {"backend": "shop/backend:1", "web": "shop/web:1"}
    await house.handled(guard, LOOK)
    assert guard.watch.deployment is None
    assert (await house.newest_deployment()).phase is Phase.ROLLED_BACK


async def test_one_that_another_process_is_finishing_is_left_to_it_until_it_dies(house: House) -> None:
    async with FileLock(house.root / "locks", house.clock).hold("shop", "rollback o1"):
        guard = await open_rollback(house)
        await house.handled(guard, LOOK)
        assert not house.told("rollback_ended")
    await house.clock.advance(timedelta(seconds=5))
    assert (await house.heard("rollback_ended"))["outcome"] == Outcome.SUCCEEDED


async def test_one_whose_release_is_lost_is_alerted(house: House) -> None:
    await house.deploy("1")
    now = house.clock.now()
    await house.ledger.write(Operation("o1", "shop", "full", "gone", None, None, AUTOMATIC, (), now))
    await house.on_guard()
    assert await house.titles() == ["rollback cannot be resumed"]


async def test_one_that_meets_another_process_is_decided_anew_once_that_has_ended(house: House) -> None:
    guard = await house.adopted()
    async with FileLock(house.root / "locks", house.clock).hold("shop", "backup"):
        await failing(house, guard)
        assert "backup" in (await house.heard("rollback_waits"))["reason"]
    await house.clock.advance(timedelta(seconds=5))
    await house.handled(guard, LOOK)
    assert (await house.heard("rollback_ended"))["outcome"] == Outcome.SUCCEEDED


async def test_while_one_waits_a_mended_version_comes_after_it_and_is_not_rolled_back(house: House) -> None:
    """It is judged by what was before the broken one: that had turned the check red."""
    guard = await house.adopted()
    async with FileLock(house.root / "locks", house.clock).hold("shop", "backup"):
        await house.deploy("2")
        await house.handled(guard, LOOK)
        house.prober.script("api", Answer.BAD)
        await house.live(guard, 60)
        failed = await house.newest_deployment()
        assert await house.heard("rollback_waits")
        house.prober.script("api", Answer.OK)
        await house.deploy("3")
        await house.handled(guard, LOOK)
        mended = guard.watch.deployment
    await house.clock.advance(timedelta(seconds=5))
    await house.live(guard, 40)
    assert mended is not None
    assert mended.baseline_red == frozenset()
    superseded = await house.ledger.deployment(failed.id)
    assert superseded is not None
    assert (failed.phase, superseded.phase) == (Phase.FAILED, Phase.SUPERSEDED)
    assert house.told("rollback_ended") == []
    assert await house.running() == {"backend": "shop/backend:3", "web": "shop/web:1"}


class NoJournal(SqliteLedger):
    """Cannot write a step down."""

    async def write(self, *records: Record) -> None:
        if any(isinstance(record, StepRecord) for record in records):
            raise WatchdogError("disk I/O error")
        await super().write(*records)


async def test_one_that_cannot_be_journalled_is_alerted(house: House) -> None:
    house.ledger = NoJournal(house.root / "state.db")
    guard = await house.adopted()
    await failing(house, guard)
    await house.heard("rollback_broke_off")
    assert await house.titles() == ["rollback started", "rollback broke off"]
    assert await house.running() == {"web": "shop/web:1"}


async def test_a_refused_one_is_over_also_for_the_next_process(house: House) -> None:
    guard = await house.adopted()
    house.engine.images.pop("shop/backend:1")
    await failing(house, guard)
    assert (await house.heard("rollback_ended"))["outcome"] == Outcome.REFUSED
    await house.handled(guard, LOOK)
    alerts = await house.titles()
    guard = await house.reborn(guard)
    await house.live(guard, 60)
    assert [title for title in await house.titles() if title.startswith("rollback")] == alerts
    assert (await house.newest_deployment()).ended_at is not None


async def test_what_a_person_rolled_back_from_is_no_target_any_more(house: House) -> None:
    """Its fault showed only after its window: the next failure must not bring it back."""
    guard = await house.adopted()
    await guard.conductor.backup("wanted")
    await house.deploy("2")
    await house.live(guard, 660)
    bad = guard.watch.good
    assert bad is not None
    assert bad.service("backend").image == "shop/backend:2"  # type: ignore[union-attr]
    target = await choose(guard, None)
    operation = await guard.rollbacks.carry_out(Request(target, "keep database", PERSON, ("a fault",)))
    assert operation.outcome is Outcome.SUCCEEDED
    assert (await house.ledger.marks("shop"))[bad.fingerprint].standing is Standing.FAILED
    await house.live(guard, 40)
    assert guard.watch.good is not None
    assert guard.watch.good.fingerprint == target.release.fingerprint


async def test_a_window_is_not_judged_between_the_end_of_a_rollback_and_its_look(house: House) -> None:
    """What our own stop left is no evidence; the ledger keeps how the deployment ended."""
    guard = await house.adopted()
    good = guard.watch.good
    assert good is not None
    await house.deploy("2")
    await house.handled(guard, LOOK)
    request = Request(Target(good, None), "keep database", PERSON, (), guard.watch.deployment)
    await guard.rollbacks.carry_out(request)
    await house.live(guard, 60)
    assert (await house.newest_deployment()).phase is Phase.ROLLED_BACK
    assert len(await house.ledger.operations("shop")) == 1
