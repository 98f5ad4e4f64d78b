"""Armed or not: each change is logged and noted; what disarms for long is alerted, and so is its end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from tests.daemon.house import LOOK, ROUND, House
from watchdog.alert.alert import Level
from watchdog.daemon.guard import Guard
from watchdog.daemon.readiness import HEARD, SUBJECT
from watchdog.health.check import Answer
from watchdog.rollback.policy import Mode, RollbackPolicy
from watchdog.rollback.suspension import Suspends, Suspension

READY = "armed: automatic rollback is possible"
QUIET = set(HEARD.values())


async def lines(house: House) -> list[str]:
    """What was noted, oldest first."""
    noted = await house.ledger.noted("shop")
    return [line.text for line in reversed(noted) if line.kind == "armed"]


async def heard(house: House) -> list[str]:
    return [title for title in await house.titles() if title in QUIET]


async def live(house: House, guard: Guard, seconds: float) -> None:
    """As `House.live`, with each answer waited for: a real one takes no time that matters."""
    for _ in range(round(seconds / ROUND.total_seconds())):
        await house.live(guard, ROUND.total_seconds())
        await guard.readiness.done()


async def red(house: House, guard: Guard, seconds: float) -> None:
    house.prober.script("api", Answer.BAD)
    await live(house, guard, seconds)


async def test_each_change_is_logged_and_noted_and_nothing_else(house: House) -> None:
    await house.deploy("1")
    guard = await house.on_guard()
    await live(house, guard, 60)
    await red(house, guard, 60)
    house.prober.script("api", Answer.OK)
    await live(house, guard, 400)
    green = "not armed: no release has been seen healthy long enough yet"
    assert await lines(house) == [green, READY, "not armed: red already: api", READY]
    assert [e["reasons"] for e in house.events if e["event"] in {"armed", "not_armed"}] == [
        [green.removeprefix("not armed: ")],
        [],
        ["red already: api"],
        [],
    ]
    assert guard.readiness.reasons == ()


async def test_what_an_event_does_not_tell_is_found_within_minutes(house: House) -> None:
    guard = await house.adopted()
    await live(house, guard, 30)
    house.engine.images = {}
    await live(house, guard, 330)
    assert (await lines(house))[-1].startswith("not armed: images of the last known good release are gone")


async def test_the_next_process_says_it_again_only_if_it_changed(house: House) -> None:
    guard = await house.adopted()
    await live(house, guard, 10)
    guard = await house.reborn(guard)
    await live(house, guard, 30)
    assert house.told("armed") == []
    assert (await lines(house)).count(READY) == 1


async def test_disarmed_for_long_is_alerted_once_and_so_is_its_end(house: House) -> None:
    guard = await house.adopted()
    await red(house, guard, 500)
    assert await heard(house) == []
    await live(house, guard, 600)
    assert await heard(house) == ["automatic rollback is not possible"]
    told = next(a for a in await house.alerts() if a.title in QUIET)
    assert (told.level, told.text) == (Level.WARNING, "red already: api")
    guard = await house.reborn(guard)
    await live(house, guard, 600)
    assert len(await heard(house)) == 1
    house.prober.script("api", Answer.OK)
    await live(house, guard, 60)
    assert await heard(house) == [
        "automatic rollback is not possible",
        "automatic rollback is possible again",
    ]


async def test_a_short_time_disarmed_is_nothing_to_tell(house: House) -> None:
    guard = await house.adopted()
    await red(house, guard, 300)
    house.prober.script("api", Answer.OK)
    await live(house, guard, 1200)
    assert await heard(house) == []


async def test_nobody_is_told_what_a_person_chose(house: House) -> None:
    house.rollback = RollbackPolicy(mode=Mode.NOTIFY)
    guard = await house.adopted()
    await live(house, guard, 1200)
    assert (await lines(house))[-1] == "not armed: rollback.mode is notify"
    assert await heard(house) == []


async def test_nobody_is_told_twice_that_docker_is_down(house: House) -> None:
    guard = await house.adopted()
    house.engine.unreachable = True
    await live(house, guard, 1200)
    assert guard.readiness.reasons is not None
    assert "Docker does not answer" in guard.readiness.reasons
    assert await heard(house) == []


async def test_a_pause_is_no_alarm_and_what_is_wrong_beyond_it_counts_from_its_end(house: House) -> None:
    guard = await house.adopted()
    await red(house, guard, 60)
    now = house.clock.now()
    pause = Suspension("shop", Suspends.PAUSE, now, now + timedelta(minutes=30), "user root (uid 0)")
    await house.ledger.write(pause)
    await live(house, guard, 1500)
    assert await heard(house) == []
    await live(house, guard, 700)
    assert await heard(house) == []
    await live(house, guard, 900)
    assert await heard(house) == ["automatic rollback is not possible"]
    (alarm,) = [a for a in await house.ledger.alarms("shop") if a.subject == SUBJECT]
    assert alarm.raised_at >= pause.until


async def test_it_is_not_asked_in_the_middle_of_an_operation(house: House) -> None:
    guard = await house.adopted()
    await live(house, guard, 10)
    asked = await _asked_during(house, guard)
    assert asked == []


async def _asked_during(house: House, guard: Guard) -> Sequence[str]:
    before = await lines(house)
    guard.desk.work.keep(guard.desk.work.run("backup", house.at_work()))
    await house.handled(guard, LOOK)
    house.engine.images = {}
    await live(house, guard, 600)
    between = (await lines(house))[len(before) :]
    house.work_done.set()
    await guard.desk.work.at_rest()
    await live(house, guard, 10)
    assert (await lines(house))[-1].startswith("not armed: images")
    return between


async def test_a_docker_that_never_answered_since_the_start_disarms_as_well(house: House) -> None:
    """What was never looked at is not about to be known."""
    house.engine.unreachable = True
    guard = await house.on_guard()
    await live(house, guard, 10)
    assert guard.readiness.reasons is not None
    assert "Docker does not answer" in guard.readiness.reasons
