"""The process dies at any point of a rollback, and the next one finishes it: by the journal, not by hope."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from tests.rollback.samples import operation
from tests.rollback.world import World, broken_deployment
from watchdog.errors import StepFailed
from watchdog.rollback.operation import Outcome, Progress
from watchdog.stack import Release


class Death(BaseException):
    """The process is gone; nothing of ours may catch it."""


class Fuse:
    """Lets the process die at the `point`th touch of the outside; a point never reached lets it live."""

    def __init__(self, point: int, death: type[BaseException], fails_at: str = "") -> None:
        self.left, self.death, self.fails_at = point, death, fails_at
        self.touched = 0

    async def touch(self, at: str) -> None:
        self.touched += 1
        if self.left == 0:
            raise self.death
        self.left -= 1
        if at == self.fails_at:
            raise StepFailed(f"{at} refused")


async def points(root: Path, fails_at: str = "") -> int:
    """How often a rollback touches the outside."""
    root.mkdir()
    world, good = await broken_deployment(root)
    fuse = Fuse(-1, Death, fails_at)
    world.let(fuse.touch)
    await world.roll_back(good)
    await world.ledger.close()
    return fuse.touched


async def died_at(root: Path, fuse: Fuse) -> tuple[World, Release]:
    """The world after a rollback was cut at this point, under the next process."""
    root.mkdir()
    world, good = await broken_deployment(root)
    world.let(fuse.touch)
    with contextlib.suppress(fuse.death):
        await world.roll_back(good)
        pytest.fail("it lived")
    await world.ledger.close()
    return world.reborn(), good


async def done_steps(world: World) -> set[str]:
    """What the journal says is done."""
    newest = await world.ledger.operations("shop", limit=1)
    steps = await world.ledger.steps(newest[0].id) if newest else ()
    return {step.step for step in steps if step.progress is Progress.DONE}


async def test_wherever_it_dies_the_next_process_brings_it_to_a_good_end(tmp_path: Path) -> None:
    total = await points(tmp_path / "whole")
    assert total > 20
    for point in range(total):
        death = (Death, asyncio.CancelledError)[point % 2]
        world, good = await died_at(tmp_path / str(point), Fuse(point, death))
        done = await done_steps(world)
        began = await world.ledger.operations("shop", limit=1)
        resumed = await world.resume(good)
        assert not done & set(world.begun), f"dying at {point}: a finished step was repeated"
        if not began:
            assert await world.release() != good, f"dying at {point}: acted before its intent"
            continue
        ended = resumed or began[0]
        assert ended.outcome is Outcome.SUCCEEDED, f"dying at {point}: {ended.detail}"
        assert await world.release() == good
        assert (await world.running())["backend"] == "sha256:backend-1"
        [backend] = [c for c in await world.containers() if c.service == "backend"]
        assert backend.restart_policy == "always"
        await world.ledger.close()


async def test_wherever_it_dies_again_and_again_it_gets_there(tmp_path: Path) -> None:
    """Every process dies after a dozen touches: each still carries it a little further."""
    world, good = await broken_deployment(tmp_path)
    for life in range(60):
        world.let(Fuse(12, Death).touch)
        try:
            ended = await (world.roll_back(good) if life == 0 else world.resume(good))
        except Death:
            await world.ledger.close()
            world = world.reborn()
            continue
        break
    assert life > 2
    assert ended is not None
    assert ended.outcome is Outcome.SUCCEEDED
    assert await world.release() == good
    await world.ledger.close()


@pytest.mark.parametrize(
    ("fails_at", "outcome"), [("stop", Outcome.ABORTED), ("tag", Outcome.HELD), ("parse", Outcome.REFUSED)]
)
async def test_a_failed_step_is_not_tried_again_by_the_next_process(
    tmp_path: Path, fails_at: str, outcome: Outcome
) -> None:
    """What ran before may run again already: going on would let new code meet the old schema."""
    total = await points(tmp_path / "whole", fails_at)
    for point in range(max(0, total - 12), total):
        world, good = await died_at(tmp_path / str(point), Fuse(point, Death, fails_at))
        began = await world.ledger.operations("shop", limit=1)
        steps = await world.ledger.steps(began[0].id) if began else ()
        failed = {step.step for step in steps if step.progress is Progress.FAILED}
        ended = await world.resume(good)
        assert not failed & set(world.begun), f"dying at {point}: a failed step was tried again"
        if failed and ended is not None:
            assert ended.outcome is outcome, f"dying at {point}: {ended.detail}"
            assert (await world.running() == {}) is (outcome is Outcome.HELD)
        await world.ledger.close()


async def test_a_backup_that_vanished_meanwhile_never_lets_old_code_meet_the_new_schema(
    tmp_path: Path,
) -> None:
    """The rollback began with a database to restore: images alone must not go back without it."""
    world, good = await broken_deployment(tmp_path)
    await world.ledger.write(operation(backup="20261120_085900", target_release=good.id))
    ended = await world.resume(good)
    assert ended is not None
    assert ended.outcome is Outcome.HELD
    assert ended.detail.startswith("backup 20261120_085900 is gone")
    assert (await world.running())["backend"] == "sha256:backend-2"
    assert [alert.title for alert in await world.ledger.pending_alerts()] == ["rollback held after 0.0 s"]
    assert (world.begun, world.alerts_waiting) == ([], 1)
    await world.ledger.close()
