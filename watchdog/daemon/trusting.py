"""When a release becomes the last known good, and when it ceases to be.

Adopted at the first start, or healthy through its window; until a person rolls back from it. Called by the
guard with itself on each verdict, and by its conductor after each rollback.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from watchdog.alert.alert import Level, alert
from watchdog.daemon.judging import over
from watchdog.deploy.deployment import Deployment, Phase
from watchdog.health.verdict import Outcome, Verdict
from watchdog.health.window import Progress
from watchdog.rollback.ledger import Mark, Record, Standing
from watchdog.rollback.operation import Operation
from watchdog.rollback.operation import Outcome as Ended
from watchdog.stack import Release

if TYPE_CHECKING:  # the guard calls it with itself
    from watchdog.daemon.guard import Guard


GRACE = timedelta(minutes=1)
"""Beyond the last deadline of a window: a verdict that falls due then must still count."""


async def adopt(guard: Guard, found: Verdict) -> None:
    """First start: what runs is the last known good release once it has been green long enough."""
    watch = guard.watch
    if found.outcome is Outcome.FAILED:
        watch.adopting_since, watch.progress = None, Progress()
    elif found.outcome is Outcome.HEALTHY and watch.release is not None:
        await _mark_good(guard, watch.release, "adopted: green since first seen")


async def healthy(guard: Guard, deployment: Deployment, now: datetime) -> None:
    """The verdict of an open deployment: whoever waits may go on; once the window is over it is good."""
    if deployment.healthy_at is None:
        deployment = replace(deployment, healthy_at=now)
        await guard.tools.ledger.write(deployment)
        guard.watch.deployment = deployment
        guard.tell("deployment_healthy", deployment=deployment.id)
        guard.conductor.settle(deployment.id, "healthy")
    if over(deployment, guard.tools.settings.deployment, now):
        await _close(guard, deployment, now)


def lapsed(guard: Guard, deployment: Deployment, found: Verdict, now: datetime) -> bool:
    """Its window is over, and so is the time in which a deadline could be missed: nothing acts any more.

    What is not healthy but may become so gets the chance again where the daemon was away meanwhile.
    """
    policy, ended = guard.tools.settings.deployment, deployment.command_ended_at
    longest = max(policy.monitor, policy.healthy_deadline + policy.min_healthy_time) + GRACE
    if ended is None or now - ended < longest:
        return False
    return found.outcome is Outcome.FAILED or now - guard.began_at >= policy.min_healthy_time + GRACE


async def undecided(guard: Guard, deployment: Deployment, found: Verdict, now: datetime) -> None:
    """Neither good nor failed when its time was over: a person is told; what runs may be adopted later."""
    reasons = found.reasons
    ended = replace(deployment, phase=Phase.UNDECIDED, ended_at=now, reasons=reasons)
    title = "the window of a deployment ended undecided; nothing is rolled back"
    told = alert(guard.name, Level.WARNING, title, "\n".join(reasons), now)
    await guard.take_for_granted(ended, told, lost=True)
    guard.watch.deployment, guard.watch.progress = None, Progress()
    guard.preparer.tidy()
    guard.tell("deployment_undecided", deployment=deployment.id, reasons=list(reasons))
    guard.tools.outbox.wake()
    guard.conductor.settle(deployment.id, "undecided")


async def _close(guard: Guard, deployment: Deployment, now: datetime) -> None:
    """What cannot be brought back, or was red all along, is no target; nor is what was before it."""
    watch = guard.watch
    ended = replace(deployment, phase=Phase.GOOD, ended_at=now, to_fingerprint=watch.fingerprint)
    if watch.release is None or watch.red(guard.tools.settings.checks):
        await guard.take_for_granted(ended, lost=True)
    else:
        await _mark_good(guard, watch.release, f"healthy through the window of {deployment.id}", ended)
    watch.deployment, watch.progress = None, Progress()
    guard.preparer.tidy()
    guard.tell("deployment_good", deployment=deployment.id)


async def _mark_good(guard: Guard, release: Release, reason: str, *records: Record) -> None:
    mark = Mark(guard.name, release.fingerprint, Standing.GOOD, guard.tools.hands.clock.now(), reason)
    await guard.take_for_granted(mark, *records, good=release)
    guard.adopted.set()
    guard.tell("release_good", release=release.id, reason=reason)


async def after_rollback(guard: Guard, operation: Operation) -> None:
    """A refused one touched nothing: an open window goes on, a failed one is over. Else nothing is open."""
    ledger, watch = guard.tools.ledger, guard.watch
    await guard.look()
    records: list[Record] = []
    failed = await ledger.deployment(operation.deployment) if operation.deployment else None
    if operation.outcome is not Ended.REFUSED:
        watch.deployment = None
    elif failed is not None and failed.phase is Phase.FAILED:
        records.append(replace(failed, ended_at=operation.ended_at))
        watch.deployment = None
    target = await ledger.release(operation.target_release)
    marks = _marks(guard, operation, target)
    await guard.take_for_granted(*records, *marks, lost=_loses_trust(guard, operation, target))
    guard.preparer.tidy()


def _loses_trust(guard: Guard, operation: Operation, target: Release | None) -> bool:
    """Another release than the good one runs now, or may: it has to show itself before it is a target."""
    good = guard.watch.good
    if good is None or target is None or operation.outcome not in {Ended.SUCCEEDED, Ended.HELD}:
        return False
    return good.fingerprint != target.fingerprint


def _marks(guard: Guard, operation: Operation, target: Release | None) -> list[Record]:
    """What a person rolled back from is no target any more; what an undo brought back failed no more."""
    good, now = guard.watch.good, guard.tools.hands.clock.now()
    if operation.outcome is not Ended.SUCCEEDED or target is None or operation.keeps_release:
        return []
    if operation.undoes is not None:
        reason = f"{operation.undoes} undone by {operation.actor}"
        return [Mark(guard.name, target.fingerprint, Standing.CLEARED, now, reason)]
    if good is None or good.fingerprint == target.fingerprint:
        return []
    reason = f"rolled back by {operation.actor}"
    return [Mark(guard.name, good.fingerprint, Standing.FAILED, now, reason)]


def failed(guard: Guard, deployment: Deployment, now: datetime) -> list[Record]:
    """What runs is no target any more, unless it ran before already: a mistyped command proves nothing."""
    running, good = guard.watch.fingerprint, guard.watch.good
    if running == deployment.from_fingerprint or (good and running == good.fingerprint):
        return []
    return [Mark(guard.name, running, Standing.FAILED, now, "; ".join(deployment.reasons))]
