"""What a window has come to outlives the process: a restart makes a verdict more careful, if anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.daemon.house import LOOK, House
from tests.health.histories import History, fails_no_more, histories, judged, windows
from tests.health.samples import after, container, observed, view, watched
from watchdog.adapters.sqlite_ledger import SqliteLedger
from watchdog.daemon.judging import WRITE_EVERY, expected, kept, over, taken_up
from watchdog.deploy.deployment import Deployment, Kind, Phase
from watchdog.deploy.policy import DeploymentPolicy
from watchdog.health.streak import CheckState
from watchdog.health.verdict import Outcome
from watchdog.health.window import Progress, View, Window
from watchdog.stack import Health


def deployment(ended_at: datetime | None) -> Deployment:
    return Deployment(
        "20261120_090000-shop",
        "shop",
        Kind.OBSERVED,
        Phase.MONITORING,
        started_at=after(0),
        command_ended_at=ended_at,
    )


def after_a_restart(window: Window, progress: Progress) -> Progress:
    """What the next process takes up of it."""
    return taken_up(kept(deployment(window.command_ended_at), progress))


@given(windows, histories(), st.data())
def test_a_restart_of_ours_fails_nothing_that_would_not_have_failed(
    window: Window, history: History, data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, len(history)))
    before = judged(window, history[:n])
    rest = [(s, _forgotten(v, history[n - 1][1])) for s, v in history[n:]]
    found = judged(window, rest, after_a_restart(window, before[-1].progress))
    assert fails_no_more(judged(window, history), found, later=n)


def _forgotten(seen: View, before: View) -> View:
    """A new process knows the colours of checks, not their answers; and it did not hear of earlier kills."""
    checks = tuple(CheckState(state.check, state.color, state.since) for state in seen.checks)
    return replace(seen, checks=checks, killed=seen.killed - before.killed)


def test_the_deadline_goes_on_after_a_restart() -> None:
    starting = view(container(health=Health.STARTING))
    before = watched(observed(), (0, starting), (200, starting))[-1]
    again = after_a_restart(observed(), before.progress)
    found = watched(observed(), (205, starting), (290, starting), (310, starting), start=again)
    assert [each.outcome for each in found] == [Outcome.WAITING, Outcome.WAITING, Outcome.FAILED]


def test_time_in_which_the_daemon_was_away_uses_up_no_deadline() -> None:
    """The host was booted, and everything starts."""
    starting = view(container(health=Health.STARTING))
    before = watched(observed(), (0, starting), (200, starting))[-1]
    again = after_a_restart(observed(), before.progress)
    assert watched(observed(), (500, starting), (560, starting), start=again)[-1].outcome is Outcome.WAITING


def test_little_that_was_waited_is_not_worth_a_row_and_everything_else_is() -> None:
    stored = deployment(after(0))
    assert kept(stored, Progress(waited=WRITE_EVERY / 2)) is stored
    for worth in (
        Progress(waited=WRITE_EVERY),
        Progress(clock_set=timedelta(hours=1)),
        Progress(present=frozenset({"backend"})),
        Progress(unseen=((after(1), after(2)),)),
        Progress(unseen_from=after(3)),
        Progress(complete_at=after(3)),
        Progress(stopped=frozenset({("new-backend", after(1))})),
    ):
        written = kept(stored, worth)
        assert written is not stored
        assert replace(taken_up(written), heard_since=None, ended_at=None) == worth


def test_the_window_moves_along_when_the_clock_is_set() -> None:
    policy = DeploymentPolicy()
    leapt = kept(deployment(after(0)), Progress(clock_set=timedelta(hours=1)))
    assert not over(leapt, policy, after(3600))
    assert over(leapt, policy, after(3600) + policy.monitor)


def test_what_a_migration_holds_up_is_watched_from_its_start_on() -> None:
    policy = DeploymentPolicy()
    late = kept(deployment(after(0)), Progress(complete_at=after(700)))
    assert not over(late, policy, after(0) + policy.monitor)
    assert over(late, policy, after(700) + policy.monitor)


async def test_what_is_kept_comes_back_from_the_ledger(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "state.db")
    progress = Progress(
        waited=WRITE_EVERY,
        clock_set=-timedelta(hours=1),
        present=frozenset({"backend"}),
        stopped=frozenset({("new-backend", after(1)), ("never-started", None)}),
        complete_at=after(3),
        unseen_from=after(5),
        unseen=((after(1), after(2)),),
    )
    written = kept(replace(deployment(after(0)), baseline_unproven=frozenset({"api"})), progress)
    await ledger.write(written)
    assert await ledger.deployments("shop", limit=1) == (written,)


async def test_a_service_that_was_taken_out_of_the_files_is_not_expected_any_more(house: House) -> None:
    house.edit("1", worker="shop/worker:1")
    guard = await house.adopted("1")
    await house.deploy("1", worker="shop/worker:1")
    await house.live(guard, 660)
    house.edit("2")
    await house.up()
    worker = next(c for c in await house.containers() if c.service == "worker")
    house.engine.remove(worker.id)
    await house.handled(guard, LOOK)
    await guard.capturer.done()
    await house.handled(guard, LOOK)
    assert guard.watch.deployment is not None
    assert guard.watch.deployment.expected == {"backend", "web", "worker"}
    assert expected(guard.watch, guard.watch.deployment) == {"backend", "web"}


async def test_a_service_that_the_deployment_forgot_is_expected_all_the_same(house: House) -> None:
    guard = await house.adopted()
    await house.deploy("2")
    web = next(c for c in await house.containers() if c.service == "web")
    house.engine.remove(web.id)
    await house.handled(guard, LOOK)
    await guard.capturer.done()
    await house.handled(guard, LOOK)
    assert guard.watch.deployment is not None
    assert expected(guard.watch, guard.watch.deployment) == {"backend", "web"}
