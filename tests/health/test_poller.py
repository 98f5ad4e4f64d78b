import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from itertools import pairwise

import pytest

from tests.fakes import FakeClock, ScriptedProber, settle
from tests.health.samples import after, check
from watchdog.health.check import Answer, Check, EngineHealth, Prober, Sample
from watchdog.health.poller import Poller

API, DB = check("api"), check("db", interval=timedelta(seconds=10))


class Rig:
    """A poller on a clock turned by hand, with what it reported."""

    def __init__(self, checks: Iterable[Check], prober: Prober | None = None) -> None:
        self.clock = FakeClock()
        self.scripted = ScriptedProber(self.clock)
        self.samples: list[Sample] = []
        self.poller = Poller(checks, prober or self.scripted, self.clock, self.samples.append)
        self.poller.start()

    async def pass_by(self, seconds: float) -> None:
        await self.clock.advance(timedelta(seconds=seconds))

    def times(self, name: str) -> list[float]:
        """In seconds, without the few milliseconds by which checks are laid apart."""
        asked = (at for asked, at in self.scripted.asked if asked == name)
        return [round((at - after(0)).total_seconds(), 1) for at in asked]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig([API, DB])
    yield rig
    await rig.poller.close()


async def test_asks_each_check_at_once_and_then_in_its_own_rhythm(rig: Rig) -> None:
    await rig.pass_by(20.2)
    assert rig.times("api") == [0, 5, 10, 15, 20]
    assert rig.times("db") == [0, 10, 20]
    assert [s.answer for s in rig.samples] == [Answer.OK] * 8


async def test_many_checks_are_spread_over_their_interval_and_stay_apart() -> None:
    rig = Rig(check(f"check {number}", interval=timedelta(seconds=1)) for number in range(200))
    await rig.pass_by(1.9999)
    begun = sorted((at - after(0)).total_seconds() for _, at in rig.scripted.asked)
    assert len(begun) == 400
    assert begun[199] < 1 <= begun[200]
    assert min(later - sooner for sooner, later in pairwise(begun)) >= 0.0049
    await rig.poller.close()


async def test_a_healthcheck_that_turned_is_asked_for_at_once_and_in_its_rhythm_from_then_on() -> None:
    slow = timedelta(seconds=30)
    rig = Rig(check(name, probe=EngineHealth(name), interval=slow) for name in ("web", "worker"))
    await rig.pass_by(10)
    rig.poller.turned("web")
    await rig.pass_by(31)
    assert rig.times("web") == [0, 10, 40]
    assert rig.times("worker") == [0, 30]
    await rig.poller.close()


async def test_checks_that_share_a_look_at_the_engine_are_asked_together() -> None:
    rig = Rig(check(f"check {number}", probe=EngineHealth(f"{number}")) for number in range(9))
    await rig.pass_by(7)
    assert {(at - after(0)).total_seconds() for _, at in rig.scripted.asked} == {0, 5}
    await rig.poller.close()


async def test_what_a_sleeping_host_made_late_goes_back_to_its_own_place(rig: Rig) -> None:
    await rig.pass_by(1)
    rig.clock.tick(timedelta(seconds=60))
    await rig.pass_by(12)
    assert rig.times("api") == [0, 61, 65, 70]
    assert rig.times("db") == [0, 61, 70]


async def test_answers_that_come_together_are_passed_on_together_and_one_alone_at_once() -> None:
    checks = [check(f"check {number}", interval=timedelta(minutes=1)) for number in range(10)]
    rig = Rig([*checks, check("late", interval=timedelta(seconds=30))])
    reported = [len(rig.samples)]
    for _ in range(5):
        await rig.pass_by(0.03)
        reported.append(len(rig.samples))
    assert reported == [0, 1, 1, 1, 11, 11]
    await rig.pass_by(29.9001)
    assert [s.check for s in rig.samples[11:]] == ["late"]
    await rig.poller.close()


async def test_replaced_checks_end_new_ones_begin_and_the_same_keep_their_rhythm(rig: Rig) -> None:
    await rig.pass_by(2)
    rig.poller.replace([DB, check("web")])
    await rig.pass_by(8.1)
    assert rig.times("api") == [0]
    assert rig.times("db") == [0, 10]
    assert rig.times("web") == [2, 7]


class SlowProber:
    """Takes seven seconds for each answer, and counts how many it is asked for at a time."""

    def __init__(self) -> None:
        self.clock: FakeClock | None = None
        self.asked: list[float] = []
        self.at_once = self.most_at_once = 0

    async def probe(self, check: Check) -> Sample:
        assert self.clock is not None
        self.asked.append((self.clock.now() - after(0)).total_seconds())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.clock.sleep(timedelta(seconds=7))
        self.at_once -= 1
        return Sample(check.name, self.clock.now(), Answer.OK)


async def test_a_slow_check_never_overlaps_itself() -> None:
    prober = SlowProber()
    rig = Rig([API], prober)
    prober.clock = rig.clock
    await rig.pass_by(15)
    assert prober.asked == [0, 7, 14]
    assert prober.most_at_once == 1
    await rig.poller.close()


class BrokenProber:
    async def probe(self, check: Check) -> Sample:
        raise ZeroDivisionError


async def test_a_fault_of_ours_is_no_evidence_and_ends_no_round() -> None:
    rig = Rig([API], BrokenProber())
    await rig.pass_by(5)
    assert [s.answer for s in rig.samples] == [Answer.INCONCLUSIVE] * 2
    assert "ZeroDivisionError" in rig.samples[0].detail
    await rig.poller.close()


class HangingProber:
    async def probe(self, check: Check) -> Sample:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_stuck_round_is_overdue() -> None:
    rig = Rig([API], HangingProber())
    await rig.pass_by(14)
    assert rig.poller.overdue() == ()
    await rig.pass_by(2)
    assert rig.poller.overdue() == ("api",)
    await rig.poller.close()


async def test_closing_asks_nothing_more(rig: Rig) -> None:
    await rig.pass_by(1)
    await rig.poller.close()
    await settle()
    assert rig.clock.sleeping == 0
    await rig.pass_by(60)
    assert rig.times("api") == [0]
