"""The story of a deployment's verdicts: each change once, in few lines, and the decision first."""

from __future__ import annotations

from tests.daemon.house import LOOK, House
from watchdog.daemon.noting import MOST
from watchdog.health.check import Answer


async def story(house: House, deployment: str) -> list[str]:
    noted = await house.ledger.noted("shop", deployment)
    return [line.text for line in reversed(noted) if line.kind == "verdict"]


async def test_each_change_of_the_verdict_is_noted_once_however_often_it_is_asked(house: House) -> None:
    guard = await house.adopted()
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await house.live(guard, 120)
    about = (await house.newest_deployment()).id
    told = await story(house, about)
    assert [text.partition(":")[0] for text in told][-1] == "healthy"
    assert 2 <= len(told) <= 3, told  # twenty-four times it was asked


async def test_what_failed_stands_in_the_story_with_all_reasons(house: House) -> None:
    guard = await house.adopted()
    await house.deploy("2")
    await house.handled(guard, LOOK)
    about = (await house.newest_deployment()).id
    await house.end("backend", 1)
    await house.handled(guard, LOOK)
    assert (await story(house, about))[-1] == "failed: backend exited with code 1 and nothing restarts it"


async def test_what_flaps_does_not_fill_the_state(house: House) -> None:
    guard = await house.adopted()
    await house.deploy("2")
    await house.handled(guard, LOOK)
    about = (await house.newest_deployment()).id
    for number in range(MOST + 20):
        answer = Answer.OK if number % 2 else Answer.INCONCLUSIVE
        house.prober.script("api", (answer, "x"))
        await house.live(guard, 5)
        if guard.watch.deployment is None:
            break
    assert len(await story(house, about)) <= MOST + 1
