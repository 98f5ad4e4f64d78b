"""`explain` from a real ledger: of the newest, of a named one, long afterwards, and by the next process."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.daemon.house import LOOK, House
from watchdog.daemon.client import Caller
from watchdog.daemon.explaining import explain
from watchdog.daemon.guard import Guard
from watchdog.errors import UsageError
from watchdog.rollback.policy import Mode, RollbackPolicy

ME = Caller(1, 0, "root")


class NoChannel:
    """Nothing is sent while it is explained."""

    def send(self, message: Any) -> None:
        raise AssertionError(message)


async def asked(guard: Guard, about: str = "") -> dict[str, Any]:
    document: dict[str, Any] = await explain(guard, {"id": about}, NoChannel(), ME)  # type: ignore[arg-type]
    return document


async def armed(house: House) -> Guard:
    """A guard that has said so."""
    guard = await house.adopted()
    while guard.readiness.reasons != ():
        await house.live(guard, 5)
        await guard.readiness.done()
    house.clock.tick(timedelta(minutes=1))
    return guard


async def failed(house: House, guard: Guard, version: str) -> None:
    await house.deploy(version)
    await house.handled(guard, LOOK)
    house.clock.tick(timedelta(seconds=2))
    await house.end("backend", 1)
    await house.handled(guard, LOOK)


async def test_a_rollback_is_told_from_the_first_sign_to_the_last_alert(house: House) -> None:
    guard = await armed(house)
    await failed(house, guard, "2")
    await house.heard("rollback_ended")
    document = await asked(guard)
    operation = (await house.ledger.operations("shop"))[0]
    assert document["about"] == operation.deployment
    assert document["answer"].startswith(f"deployment {operation.deployment}: it failed and was rolled back")
    kinds = [line["kind"] for line in document["lines"]]
    assert kinds[:3] == ["armed", "deployment", "verdict"]
    assert {"rollback", "step", "alert"} <= set(kinds)
    why = next(line for line in document["lines"] if line["text"].startswith("failed: "))
    assert (why["kind"], why["seconds"]) == ("verdict", 2.0)
    assert "backend exited with code 1" in why["text"]
    assert [line["at"] for line in document["lines"]] == sorted(line["at"] for line in document["lines"])
    assert await asked(guard, operation.id) == document


async def test_why_it_was_not_rolled_back_is_the_answer(house: House) -> None:
    house.rollback = RollbackPolicy(mode=Mode.NOTIFY)
    guard = await house.adopted()
    await failed(house, guard, "2")
    await house.heard("not_rolled_back")
    document = await asked(guard)
    assert "it failed; not rolled back: " in document["answer"]
    assert "rollback.mode is notify" in document["answer"]
    assert document["now"]["answer"].startswith(
        "if a deployment failed now, it would not be rolled back by itself: rollback.mode is notify"
    )


async def test_an_older_one_is_told_by_its_name_and_without_what_came_later(house: House) -> None:
    guard = await house.adopted()
    await failed(house, guard, "2")
    await house.heard("rollback_ended")
    first = (await house.newest_deployment()).id
    guard = await house.reborn(guard)
    before = await asked(guard, first)
    house.clock.tick(timedelta(hours=30))
    await house.deploy("3")
    await house.live(guard, 60)
    after = await asked(guard, first)
    assert {**after, "now": None} == {**before, "now": None}
    newest = await asked(guard)
    assert newest["about"] == (await house.newest_deployment()).id != first
    assert "it is still being watched" in newest["answer"]


async def test_where_nothing_was_deployed_yet_it_says_what_would_happen(house: House) -> None:
    guard = await armed(house)
    document = await asked(guard)
    assert (document["about"], document["answer"]) == (None, "there was no deployment and no rollback yet")
    assert guard.watch.good is not None
    would = f"if a deployment failed now, it would be rolled back to release {guard.watch.good.id}"
    assert document["now"] == {"armed": True, "why_not": [], "answer": would}
    assert "armed" in {line["kind"] for line in document["lines"]}


async def test_nobody_of_that_name_is_a_wrong_word(house: House) -> None:
    guard = await house.adopted()
    with pytest.raises(UsageError, match="there is no deployment and no rollback nobody of shop"):
        await asked(guard, "nobody")
