"""A person takes an automatic rollback back: the guard follows, and rolls nothing back again."""

from __future__ import annotations

import pytest

from tests.daemon.house import LOOK, House
from watchdog.daemon.guard import Guard
from watchdog.daemon.wanting import decide
from watchdog.errors import Refused
from watchdog.health.check import Answer
from watchdog.rollback.ledger import Standing
from watchdog.rollback.operation import Operation, Outcome

PERSON = "user alice (uid 1000)"


async def rolled_back(house: House) -> tuple[Guard, Operation]:
    """Version 2 exited, and version 1 runs again."""
    guard = await house.adopted()
    house.engine.images["kept"] = "sha256:shop/backend:2"
    await house.deploy("2")
    await house.handled(guard, LOOK)
    await guard.capturer.done()
    await house.end("backend", 1)
    await house.handled(guard, LOOK)
    await house.heard("rollback_ended")
    await house.handled(guard, LOOK)
    return guard, (await house.ledger.operations("shop"))[0]


async def undone(guard: Guard, operation: Operation) -> Operation:
    request = await decide(guard, {"undo": operation.id}, PERSON, "alice")
    return await guard.rollbacks.carry_out(request)


async def test_the_failed_release_comes_back_runs_again_and_is_no_longer_called_failed(house: House) -> None:
    guard, operation = await rolled_back(house)
    assert operation.from_release is not None
    failed = operation.from_fingerprint
    assert (await house.ledger.marks("shop"))[failed].standing is Standing.FAILED
    ended = await undone(guard, operation)
    assert (ended.outcome, ended.detail) == (Outcome.SUCCEEDED, "")
    assert await house.running() == {"backend": "shop/backend:2", "web": "shop/web:1"}
    assert (await house.ledger.marks("shop"))[failed].standing is Standing.CLEARED
    assert guard.watch.good is None, "it has to show itself before it is a target"


async def test_what_an_undo_brought_back_is_not_rolled_back_again(house: House) -> None:
    guard, operation = await rolled_back(house)
    await undone(guard, operation)
    house.prober.script("api", Answer.BAD)
    await house.end("backend", 1)
    await house.live(guard, 600)
    assert [o.actor for o in await house.ledger.operations("shop")] == [PERSON, "automatic"]
    assert await house.running() == {"web": "shop/web:1"}


async def test_it_is_good_again_once_it_was_seen_healthy(house: House) -> None:
    guard, operation = await rolled_back(house)
    await undone(guard, operation)
    await house.live(guard, 60)
    assert guard.watch.good is not None
    assert guard.watch.good.fingerprint == operation.from_fingerprint


async def test_an_undo_that_is_held_leaves_no_release_trusted(house: House) -> None:
    """The newer one runs, or may: the older one's next deployment must not be paired with its data."""
    guard, operation = await rolled_back(house)
    house.prober.script("api", Answer.BAD)
    ended = await undone(guard, operation)
    assert ended.outcome is Outcome.HELD
    assert guard.watch.good is None
    again = await decide(guard, {"undo": operation.id}, PERSON, "alice")
    assert (again.plan, again.undoes) == ("keep database", operation.id)


async def test_a_deployment_since_makes_the_kept_database_s_undo_impossible(house: House) -> None:
    guard, operation = await rolled_back(house)
    await house.deploy("3")
    await house.live(guard, 60)
    with pytest.raises(Refused, match="something else runs by now"):
        await decide(guard, {"undo": operation.id}, PERSON, "alice")
