"""The machine: order, journal, and how a run ends when a step fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.fakes import FakeEngine
from tests.rollback.world import Touch, World
from watchdog.adapters.sqlite_ledger import SqliteLedger
from watchdog.deploy.deployment import Phase
from watchdog.errors import StepFailed, Unreachable
from watchdog.health.check import Answer
from watchdog.rollback.operation import Outcome, Progress
from watchdog.rollback.plan import (
    FAILS_AS,
    FULL,
    KEEP_DATABASE,
    ORDINARY_PATIENCE,
    PLANS,
    outcome_of_failure,
)
from watchdog.stack import Release

FULL_NAMES = [
    "preflight",
    "stop_services",
    "restore_database",
    "revert_compose",
    "pull_images",
    "restart_services",
    "verify_health",
]
KEEP_NAMES = [name for name in FULL_NAMES if name != "restore_database"]


def test_the_plan_reads_like_the_sentence() -> None:
    assert [step.__name__ for step in FULL] == FULL_NAMES
    assert [step.__name__ for step in KEEP_DATABASE] == KEEP_NAMES
    assert set(FAILS_AS) <= {step for plan in PLANS.values() for step in plan}


@pytest.mark.parametrize(("plan", "names"), [("full", FULL_NAMES), ("keep database", KEEP_NAMES)])
async def test_brings_images_and_files_back_step_by_step(
    broken: tuple[World, Release], plan: str, names: list[str]
) -> None:
    world, good = broken
    operation = await world.roll_back(good, plan)
    assert (operation.outcome, operation.detail) == (Outcome.SUCCEEDED, "")
    assert world.begun == names
    assert await world.running() == {"backend": "sha256:backend-1", "web": "sha256:web"}
    assert await world.release() == good
    assert world.env.stat().st_mode & 0o777 == 0o600
    assert world.engine.images["shop/backend:latest"] == "sha256:backend-1"


async def test_what_only_the_failed_release_had_stays_stopped_after_a_reboot_too(
    broken: tuple[World, Release],
) -> None:
    world, good = broken
    await world.roll_back(good)
    [worker] = [c for c in await world.containers() if c.service == "worker"]
    assert (worker.state, worker.restart_policy) == ("exited", "no")
    assert {c.service: c.restart_policy for c in await world.containers() if c.running} == {
        "backend": "always",
        "web": "no",
    }


ACTS = {
    "parse": "preflight",
    "rehearse": "preflight",
    "set_restart_policy": "stop_services",
    "stop": "stop_services",
    "config_hashes": "revert_compose",
    "tag": "pull_images",
    "up": "restart_services",
    "probe": "verify_health",
}


@pytest.mark.parametrize(("act", "step"), ACTS.items())
async def test_a_step_is_on_disk_as_intent_before_it_acts(
    broken: tuple[World, Release], act: str, step: str
) -> None:
    """Read by another connection, from within the act itself."""
    world, good = broken
    seen: list[list[tuple[str, Progress]]] = []

    async def look(at: str) -> None:
        if at == act:
            other = SqliteLedger(world.root / "state.db")
            [operation] = await other.operations("shop")
            seen.append([(s.step, s.progress) for s in await other.steps(operation.id)])
            await other.close()

    world.let(look)
    await world.roll_back(good)
    names = FULL_NAMES[: FULL_NAMES.index(step)]
    expected = [*((name, Progress.DONE) for name in names), (step, Progress.INTENT)]
    assert seen[0] == expected


def failing(act: str) -> Callable[[World], None]:
    async def touch(at: str) -> None:
        if at == act:
            raise StepFailed(f"{act} refused")

    return lambda world: world.let(touch)


def image_gone(world: World) -> None:
    world.engine.images = {r: i for r, i in world.engine.images.items() if i != "sha256:backend-1"}


def red(world: World) -> None:
    world.prober.script("api", (Answer.BAD, "HTTP 500"))


V1 = {"backend": "sha256:backend-1", "web": "sha256:web"}
V2 = {"backend": "sha256:backend-2", "web": "sha256:web", "worker": "sha256:worker"}
ABORTED, HELD, REFUSED = Outcome.ABORTED, Outcome.HELD, Outcome.REFUSED
FAULTS: list[tuple[Callable[[World], None], list[str], Outcome, dict[str, str]]] = [
    # the fault, the steps that are begun, how it ends, what runs then
    (image_gone, FULL_NAMES[:1], REFUSED, V2),
    (failing("parse"), FULL_NAMES[:1], REFUSED, V2),
    (failing("rehearse"), FULL_NAMES[:1], REFUSED, V2),
    (failing("set_restart_policy"), [*FULL_NAMES[:2], "start_again"], HELD, V2),
    (failing("stop"), [*FULL_NAMES[:2], "start_again"], ABORTED, V2),
    (failing("config_hashes"), FULL_NAMES[:4], HELD, {}),
    (failing("tag"), FULL_NAMES[:5], HELD, {}),
    (failing("up"), FULL_NAMES[:6], HELD, {}),
    (red, FULL_NAMES, HELD, V1),
]


@pytest.mark.parametrize(("fault", "chain", "outcome", "runs"), FAULTS)
async def test_a_step_that_fails_decides_how_the_run_ends(
    broken: tuple[World, Release],
    fault: Callable[[World], None],
    chain: list[str],
    outcome: Outcome,
    runs: dict[str, str],
) -> None:
    world, good = broken
    fault(world)
    operation = await world.roll_back(good)
    assert (world.begun, operation.outcome) == (chain, outcome), operation.detail
    assert await world.running() == runs
    assert operation.detail.startswith(f"{[s for s in chain if s != 'start_again'][-1]} failed: ")
    assert await world.ledger.operation(operation.id) == operation


async def test_every_step_of_every_plan_has_an_end_for_its_failure() -> None:
    usual = [plan for name, plan in PLANS.items() if "recovery" not in name]
    outcomes = {step.__name__: outcome_of_failure(plan, step) for plan in usual for step in plan}
    assert outcomes == {
        "preflight": REFUSED,
        "stop_services": ABORTED,
        "restore_database": ABORTED,
        "return_database": ABORTED,
        **dict.fromkeys(["revert_compose", "pull_images", "verify_health"], HELD),
        **dict.fromkeys(["restart_services", "reopen_services"], HELD),
    }


@pytest.mark.parametrize("name", [name for name in PLANS if "recovery" in name])
def test_whatever_fails_after_something_was_replaced_is_held(name: str) -> None:
    """The database service comes after files and images, and the database after that."""
    outcomes = {step.__name__: outcome_of_failure(PLANS[name], step) for step in PLANS[name]}
    assert list(outcomes)[:5] == [*FULL_NAMES[:2], *FULL_NAMES[3:5], "recover_database_service"]
    assert (outcomes.pop("preflight"), outcomes.pop("stop_services")) == (REFUSED, ABORTED)
    assert set(outcomes.values()) == {HELD}


async def test_an_abort_starts_what_ran_and_gives_the_restart_policies_back(
    broken: tuple[World, Release],
) -> None:
    world, good = broken
    await world.change("web", state="exited")
    before = await world.containers()

    async def stops_and_then_falls_silent(at: str) -> None:
        if at == "stop":
            await FakeEngine.stop(world.engine, before)
            raise Unreachable("the engine does not answer")

    world.let(stops_and_then_falls_silent)
    operation = await world.while_time_passes(world.roll_back(good))
    assert operation.outcome is ABORTED
    after = await world.containers()
    assert [(c.id, c.state, c.restart_policy) for c in after] == [
        (c.id, c.state, c.restart_policy) for c in before
    ]


@pytest.mark.parametrize(
    ("fault", "phase"), [(red, Phase.FAILED), (image_gone, Phase.FAILED), (None, Phase.ROLLED_BACK)]
)
async def test_state_alert_and_audit_are_written_together_at_the_end(
    broken: tuple[World, Release], fault: Callable[[World], None] | None, phase: Phase
) -> None:
    world, good = broken
    if fault is not None:
        fault(world)
    operation = await world.roll_back(good)
    deployment = await world.ledger.deployment("d1")
    assert deployment is not None
    assert deployment.phase is phase
    titles = [alert.title for alert in await world.ledger.pending_alerts()]
    assert titles == ["rollback started", f"rollback {operation.outcome} after 0.0 s"]
    assert [audit.action for audit in await world.ledger.audits("shop")] == [
        f"rollback {operation.outcome}",
        "rollback running",
    ]
    assert world.alerts_waiting == 2
    assert (await world.ledger.marks("shop"))["f2"].standing.value == "failed"
    report = (world.root / "incidents" / operation.id / "incident.md").read_text()
    assert f"- Outcome: **{operation.outcome}**" in report


async def test_two_rollbacks_in_one_second_are_two_operations(broken: tuple[World, Release]) -> None:
    world, good = broken
    first = await world.roll_back(good)
    world.told.clear()
    await world.deploy("2")
    second = await world.roll_back(good)
    assert first.id != second.id
    assert world.begun == FULL_NAMES
    assert await world.running() == V1
    assert await world.ledger.operations("shop") == (second, first)


async def test_a_fault_of_our_own_in_a_step_ends_the_run_like_any_failure(
    broken: tuple[World, Release],
) -> None:
    """Services are stopped by then: a rollback that just died would leave them so, and tell nobody."""
    world, good = broken

    async def buggy(at: str) -> None:
        if at == "tag":
            raise ZeroDivisionError("oops")

    world.let(buggy)
    operation = await world.roll_back(good)
    assert (operation.outcome, operation.detail) == (HELD, "pull_images failed: ZeroDivisionError: oops")
    assert len(await world.ledger.pending_alerts()) == 2


def silent(act: str, times: int) -> Touch:
    """Does not answer so many times, when asked for this."""
    left = times

    async def touch(at: str) -> None:
        nonlocal left
        if at == act and left:
            left -= 1
            raise Unreachable(f"{act}: no answer")

    return touch


@pytest.mark.parametrize("act", ["stop", "config_hashes", "tag", "up", "probe"])
async def test_a_step_is_repeated_while_something_does_not_answer(
    broken: tuple[World, Release], act: str
) -> None:
    world, good = broken
    world.let(silent(act, 4))
    operation = await world.while_time_passes(world.roll_back(good))
    assert (operation.outcome, operation.detail) == (Outcome.SUCCEEDED, "")
    assert world.begun == FULL_NAMES, "a repeat is no new step"
    assert await world.running() == V1
    waited = operation.ended_at - operation.started_at if operation.ended_at else None
    assert waited == timedelta(seconds=0.2 + 0.4 + 0.8 + 1.6)


async def test_patience_ends_and_the_pauses_do_not_grow_for_ever(broken: tuple[World, Release]) -> None:
    world, good = broken
    tries = 0

    async def dead(at: str) -> None:
        nonlocal tries
        if at == "tag":
            tries += 1
            raise Unreachable("the engine does not answer")

    world.let(dead)
    operation = await world.while_time_passes(world.roll_back(good))
    assert (operation.outcome, operation.detail) == (HELD, "pull_images failed: the engine does not answer")
    assert operation.ended_at is not None
    assert (
        timedelta(0) <= operation.ended_at - operation.started_at - ORDINARY_PATIENCE < timedelta(seconds=1)
    )
    assert ORDINARY_PATIENCE / timedelta(seconds=5) < tries < 50


async def test_preflight_refuses_at_once_while_everything_still_runs(broken: tuple[World, Release]) -> None:
    world, good = broken
    world.let(silent("parse", 1))
    operation = await world.roll_back(good)
    assert (operation.outcome, operation.detail) == (REFUSED, "preflight failed: parse: no answer")
    assert await world.running() == V2
