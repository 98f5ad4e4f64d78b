"""What people hear outside of a deployment's own story, and what they are spared."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.daemon.alarms import heard, later, red
from tests.daemon.house import LOOK, House
from tests.health.samples import check
from watchdog.alert.alert import Level
from watchdog.daemon.messages import Probed
from watchdog.deploy.deployment import Phase
from watchdog.health.check import Answer, Sample, Severity
from watchdog.rollback.ledger import Transition
from watchdog.rollback.operation import Outcome


async def test_a_check_that_turns_red_is_told_and_so_is_its_recovery(house: House) -> None:
    guard = await house.adopted()
    await red(house, guard)
    assert await heard(house) == []
    await house.live(guard, 10)
    (told,) = await house.alerts()
    assert (told.title, told.text, told.level) == ("check api is down", "HTTP 500", Level.CRITICAL)
    house.prober.script("api", Answer.OK)
    await house.live(guard, 15)
    recovered = (await house.alerts())[-1]
    assert (recovered.title, recovered.level) == ("check api is up again", Level.INFO)
    assert recovered.text == "it lasted 15 s (HTTP 500)"
    assert await house.ledger.operations("shop") == ()


async def test_a_wanted_check_is_told_too_and_less_loudly(house: House) -> None:
    house.checks = (check("api"), check("login", severity=Severity.WANTED))
    guard = await house.adopted()
    await red(house, guard, "login")
    await house.live(guard, 10)
    assert [(a.title, a.level) for a in await house.alerts()] == [("check login is down", Level.WARNING)]


async def test_what_lasts_is_reminded_of_in_growing_pauses(house: House) -> None:
    guard = await house.adopted()
    await red(house, guard)
    await house.live(guard, 10)
    for minutes in (29, 2, 119, 2):
        await later(house, guard, timedelta(minutes=minutes))
    assert await heard(house) == ["check api is down", "check api is still down", "check api is still down"]
    reminder = [a for a in await house.alerts() if a.title.startswith("check")][-1]
    assert reminder.text == "for 3 h now: HTTP 500"


async def test_the_pauses_are_those_of_the_configuration(house: House) -> None:
    tools = house.tools
    rhythm = replace(tools().settings.alarms, remind=(timedelta(minutes=5),))
    house.tools = lambda: replace(tools(), settings=replace(tools().settings, alarms=rhythm))  # type: ignore[method-assign]
    guard = await house.adopted()
    await red(house, guard)
    await house.live(guard, 10)
    await later(house, guard, timedelta(minutes=5))
    assert await heard(house) == ["check api is down", "check api is still down"]


async def test_checks_that_go_down_together_are_one_message(house: House) -> None:
    house.checks = tuple(check(f"c{number}") for number in range(20))
    guard = await house.adopted()
    await red(house, guard, *(c.name for c in house.checks))
    await house.live(guard, 10)
    (told,) = await house.alerts()
    assert told.title.startswith("20 things are wrong: check c0, check c1")


async def test_a_restart_of_the_daemon_neither_repeats_nor_forgets(house: House) -> None:
    guard = await house.adopted()
    await red(house, guard)
    await house.live(guard, 10)
    guard = await house.reborn(guard)
    await house.live(guard, 60)
    assert await heard(house) == ["check api is down"]
    guard = await house.reborn(guard)
    house.prober.script("api", Answer.OK)
    await house.live(guard, 15)
    assert await heard(house) == ["check api is down", "check api is up again"]


async def test_what_was_not_told_yet_is_told_by_the_next_process(house: House) -> None:
    guard = await house.adopted()
    await red(house, guard)
    guard = await house.reborn(guard)
    await house.live(guard, 10)
    assert [(a.title, a.text) for a in await house.alerts()] == [("check api is down", "HTTP 500")]


async def test_a_color_is_known_after_a_restart_however_much_else_happened_since(house: House) -> None:
    house.checks = (check("api"), check("noisy"))
    guard = await house.adopted()
    await red(house, guard)
    await house.go_home(guard)
    for number in range(300):
        state = "red" if number % 2 else "green"
        await house.ledger.write(Transition("shop", "noisy", state, house.clock.now()))
    guard = await house.on_guard()
    assert guard.watch.red(house.checks) == {"api", "noisy"}
    assert guard.watch.checks["api"].complaint == "HTTP 500"


async def test_what_flaps_is_told_once_until_it_has_been_steady(house: House) -> None:
    guard = await house.adopted()
    for _ in range(6):
        await red(house, guard)
        await house.live(guard, 15)
        house.prober.script("api", Answer.OK)
        await house.live(guard, 30)
    pair = ["check api is down", "check api is up again"]
    assert await heard(house) == [*pair, *pair, "check api keeps changing"]
    await later(house, guard, timedelta(minutes=15))
    assert (await heard(house))[-1] == "check api is up again"


# the deployment's own story


async def test_in_a_window_the_story_of_the_deployment_is_told_alone(house: House) -> None:
    guard = await house.adopted()
    await house.deploy("2")
    await house.live(guard, 40)
    house.prober.script("api", *[Answer.BAD] * 3, Answer.OK)
    await house.live(guard, 30)
    assert (await house.heard("rollback_ended"))["outcome"] == Outcome.SUCCEEDED
    await house.live(guard, 60)
    assert {one["state"] for one in house.told("check_changed")} == {"green", "red"}
    assert await heard(house) == []


async def test_a_wanted_check_that_is_still_red_after_the_window_is_told_then(house: House) -> None:
    house.checks = (check("api"), check("login", severity=Severity.WANTED))
    guard = await house.adopted()
    await house.deploy("2")
    await house.live(guard, 40)
    await red(house, guard, "login")
    await house.live(guard, 500)
    assert await heard(house) == []
    await house.live(guard, 120)
    assert (await house.newest_deployment()).phase is Phase.GOOD
    assert await heard(house) == ["check login is down"]


async def test_nothing_is_told_while_a_command_of_ours_replaces_containers(house: House) -> None:
    guard = await house.adopted()
    guard.desk.work.announced = True
    await house.end("backend", 1)
    await red(house, guard)
    await house.live(guard, 60)
    assert await heard(house) == []
    guard.desk.work.announced = False
    await house.live(guard, 5)
    assert await heard(house) == []
    await house.live(guard, 10)
    assert await heard(house) == ["check api is down, service backend is in trouble"]


async def test_a_check_that_is_not_configured_any_more_is_over_without_a_word(house: House) -> None:
    guard = await house.adopted()
    await red(house, guard)
    await house.live(guard, 10)
    house.checks = (check("other"),)
    await guard.desk.ask(lambda: guard.reconfigure(house.tools()))
    await house.live(guard, 3600)
    assert await heard(house) == ["check api is down"]
    assert [a.told_at for a in await house.ledger.alarms("shop") if a.subject == "check api"] == [None]


async def test_what_is_due_is_not_waited_for_half_a_minute(house: House) -> None:
    guard = await house.adopted()
    assert guard.alarming.pause is None
    for _ in range(3):
        await house.handled(guard, Probed(Sample("api", house.clock.now(), Answer.BAD, "HTTP 500")))
    assert guard.alarming.pause == timedelta(seconds=1)
    await later(house, guard, timedelta(seconds=1))
    assert guard.alarming.pause == timedelta(seconds=9)


@pytest.mark.parametrize("color", [Answer.OK, Answer.INCONCLUSIVE])
async def test_what_changes_nothing_is_not_reviewed(house: House, color: Answer) -> None:
    """A thousand samples a second must cost nothing here."""
    guard = await house.adopted()
    await house.handled(guard, LOOK)
    assert not guard.alarming._news()
    await house.handled(guard, Probed(Sample("api", house.clock.now(), color)))
    assert not guard.alarming._news()
