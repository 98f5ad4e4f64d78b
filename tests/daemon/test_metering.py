"""The meters are read without asking Docker or a database anything."""

from __future__ import annotations

from tests.daemon.house import LOOK, House
from watchdog.daemon.metering import read


async def test_the_meters_of_a_stack_show_what_its_guard_knows(house: House) -> None:
    guard = await house.adopted()
    await guard.conductor.backup("wanted")
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await house.end("backend", 1)
    await house.handled(guard, LOOK)
    await house.heard("rollback_ended")
    await house.live(guard, 20)
    await guard.readiness.done()
    house.engine.unreachable = True  # nobody asks it
    shown = {(r.name, *(v for _, v in r.labels)): r.value for r in await read([guard])}
    assert shown["armed", "shop"] == 1
    assert shown["check_up", "shop", "api"] == 1
    assert shown["docker_up", "shop"] == 1
    assert shown["backup_complete", "shop"] == 1
    assert shown["deployments", "shop", "rolled back"] == 1
    assert shown["rollbacks", "shop", "succeeded"] == 1
    assert shown["alerts_pending",] == len(await house.alerts())
    assert shown["seconds_since_look", "shop"] < 30
