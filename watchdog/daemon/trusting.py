"""When a release becomes the last known good: adopted at the first start, or healthy through its window.

Called by the guard with itself, on each verdict.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from watchdog.daemon.judging import over
from watchdog.deploy.deployment import Deployment, Phase
from watchdog.health.verdict import Outcome, Verdict
from watchdog.health.window import Progress
from watchdog.rollback.ledger import Mark, Record, Standing
from watchdog.stack import Release

if TYPE_CHECKING:  # the guard calls it with itself
    from watchdog.daemon.guard import Guard


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


async def _close(guard: Guard, deployment: Deployment, now: datetime) -> None:
    """What cannot be brought back, or was red all along, is no target; nor is what was before it."""
    watch = guard.watch
    ended = replace(deployment, phase=Phase.GOOD, ended_at=now, to_fingerprint=watch.fingerprint)
    if watch.release is None or watch.red(guard.tools.settings.checks):
        await guard.take_for_granted(ended)
        watch.good, watch.adopting_since = None, None
    else:
        await _mark_good(guard, watch.release, f"healthy through the window of {deployment.id}", ended)
    watch.deployment, watch.progress = None, Progress()
    guard.tell("deployment_good", deployment=deployment.id)


async def _mark_good(guard: Guard, release: Release, reason: str, *records: Record) -> None:
    mark = Mark(guard.name, release.fingerprint, Standing.GOOD, guard.tools.hands.clock.now(), reason)
    await guard.take_for_granted(mark, *records)
    guard.watch.good = release
    guard.adopted.set()
    guard.tell("release_good", release=release.id, reason=reason)
