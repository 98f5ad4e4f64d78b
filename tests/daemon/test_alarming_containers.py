"""What people hear of services and of Docker itself, outside of a deployment's own story."""

from __future__ import annotations

from tests.daemon.alarms import heard, red
from tests.daemon.house import House
from tests.health.samples import check, exited
from watchdog.daemon.messages import Hint
from watchdog.health.check import Answer, EngineHealth
from watchdog.stack import Event, Health


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
