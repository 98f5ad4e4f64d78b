"""What the tests of alarms do to a house, and what people hear in it."""

from __future__ import annotations

from datetime import timedelta

from tests.daemon.house import House
from watchdog.daemon.guard import Guard
from watchdog.daemon.messages import Tick
from watchdog.health.check import Answer


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
