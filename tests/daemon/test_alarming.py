"""What people hear outside of a deployment's own story, and what they are spared."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.daemon.house import LOOK, House
from tests.fakes import MORNING
from tests.health.samples import check, exited
from watchdog.alert.alert import Level
from watchdog.daemon.guard import Guard
from watchdog.daemon.messages import Hint, Probed, Tick
from watchdog.deploy.deployment import Phase
from watchdog.health.check import Answer, EngineHealth, Sample, Severity
from watchdog.rollback.ledger import Transition
from watchdog.rollback.operation import Operation, Outcome
from watchdog.rollback.policy import Mode, RollbackPolicy
from watchdog.rollback.proposal import Proposal
from watchdog.rollback.suspension import Suspends, Suspension
from watchdog.stack import Event, Health

HOUR = timedelta(hours=1)
HELD = Operation(
    "20261120_080000-shop", "shop", "full", "release-1", None, None, "automatic", (), MORNING - HOUR,
    Outcome.HELD, MORNING - HOUR, "the schema of shop cannot be read",
)  # fmt: skip


async def heard(house: House) -> list[str]:
    """Titles without those of the deployment's own story."""
    others = ("rollback started", "rollback succeeded", "deployment ", "automatic rollback is")
    return [title for title in await house.titles() if not title.startswith(others)]


async def red(house: House, guard: Guard, *names: str) -> None:
    for name in names or ("api",):
        house.prober.script(name, (Answer.BAD, "HTTP 500"))
    await house.live(guard, 15)


async def later(house: House, guard: Guard, duration: timedelta) -> None:
    """Time passes in which nothing is answered; then the guard looks up."""
    house.clock.tick(duration)
    await house.handled(guard, Tick())


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


# containers


async def test_a_service_that_ends_by_itself_is_told_and_so_is_its_return(house: House) -> None:
    guard = await house.adopted()
    await house.end("backend", 3)
    await house.live(guard, 15)
    await house.engine.start(await house.containers())
    await house.live(guard, 15)
    told = [(a.title, a.text.split(" (")[0]) for a in await house.alerts()]
    assert told == [
        ("service backend is in trouble", "exited with code 3 and nothing restarts it"),
        ("service backend is no longer in trouble", "it lasted 20 s"),
    ]


async def test_what_a_person_stopped_is_no_alarm_and_neither_is_its_check(house: House) -> None:
    house.checks = (check("api", service="backend"),)
    guard = await house.adopted()
    await house.handled(guard, Hint(Event("kill", container="backend-1", signal=15)))
    await house.end("backend", 1)
    await red(house, guard)
    await house.live(guard, 60)
    assert await heard(house) == []
    await house.handled(guard, Hint(Event("start", container="backend-1")))
    await house.engine.start(await house.containers())
    await house.live(guard, 60)
    assert await heard(house) == ["check api is down"]


async def test_a_check_is_given_time_to_turn_green_after_a_restart_by_hand(house: House) -> None:
    guard = await house.adopted()
    await house.engine.restart("backend-1")
    await red(house, guard)
    house.prober.script("api", Answer.OK)
    await house.live(guard, 30)
    assert await heard(house) == []


async def test_a_crash_loop_is_told_until_it_runs_firmly(house: House) -> None:
    guard = await house.adopted()
    for count in (1, 2, 3):
        await house.live(guard, 20)
        house.engine.change("backend-1", restart_count=count, started_at=house.clock.now())
    await house.live(guard, 15)
    assert await heard(house) == ["service backend is in trouble"]
    assert "restarted 3 times in 5 min" in (await house.alerts())[-1].text
    await house.live(guard, 90)
    assert await heard(house) == ["service backend is in trouble"]
    await house.live(guard, 330)
    assert (await heard(house))[1:] == ["service backend is no longer in trouble"]


async def test_unhealthy_is_told_once_by_the_service_or_by_its_check(house: House) -> None:
    house.checks = (check("api"), check("docker web", probe=EngineHealth("web")))
    guard = await house.adopted()
    for container in ("backend-1", "web-1"):
        house.engine.change(container, health=Health.UNHEALTHY)
    await red(house, guard, "docker web")
    await house.live(guard, 30)
    assert await heard(house) == ["check docker web is down, service backend is in trouble"]


async def test_a_service_that_is_removed_is_over(house: House) -> None:
    guard = await house.adopted()
    await house.end("backend", 3)
    await house.live(guard, 15)
    house.engine.remove("backend-1")
    await house.live(guard, 15)
    assert await heard(house) == ["service backend is in trouble", "service backend is no longer in trouble"]


async def test_what_no_file_of_the_stack_names_any_more_is_nobodys_service(house: House) -> None:
    """What a rollback leaves of a service that only the failed version had."""
    guard = await house.adopted()
    now = house.clock.now()
    house.engine.put("shop", exited(1, "new", created_at=now, started_at=now, finished_at=now))
    guard.watch.known = (*guard.watch.known, ("new", "sha256:2", "2"))
    await house.live(guard, 60)
    assert guard.watch.orphans == {"new"}
    assert await heard(house) == []


# Docker


async def test_docker_down_is_one_alert_and_its_recovery_whatever_else_is_red(house: House) -> None:
    house.checks = tuple(check(f"c{number}") for number in range(20))
    guard = await house.adopted()
    house.engine.unreachable = True
    await red(house, guard, *(c.name for c in house.checks))
    await house.live(guard, 120)
    assert await heard(house) == ["Docker does not answer"]
    house.engine.unreachable = False
    for one in house.checks:
        house.prober.script(one.name, Answer.OK)
    await house.live(guard, 30)
    assert await heard(house) == ["Docker does not answer", "Docker answers again"]


async def test_a_restart_of_docker_that_takes_a_moment_is_no_news(house: House) -> None:
    guard = await house.adopted()
    house.engine.unreachable = True
    await house.live(guard, 5)
    house.engine.unreachable = False
    await house.live(guard, 60)
    assert await heard(house) == []


# maintenance, held rollbacks, proposals


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
