"""Notices deployments that nobody announced: containers of another making than what is taken for granted.

Called by the guard after each look. Our own operations are no deployments, and neither is a manual stop.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from watchdog.clock import timestamp
from watchdog.daemon.judging import settling
from watchdog.deploy.changes import changed_services, of_known_making
from watchdog.deploy.deployment import Deployment, Kind, Phase
from watchdog.rollback.ledger import Record
from watchdog.stack import Container, Health

if TYPE_CHECKING:  # the guard calls it with itself
    from watchdog.daemon.guard import Guard

Containers = tuple[Container, ...]


async def notice(guard: Guard, previous: Containers, now: datetime) -> None:
    """Open a window for a change, or let the open one go on where the change belongs to it."""
    watch = guard.watch
    if guard.conductor.ours or not watch.containers:
        return
    if not watch.known:
        await guard.take_for_granted()
        return
    changed = changed_services(watch.known, watch.containers)
    if not changed:
        return
    if not previous and _long_ago(guard, changed, now):
        await guard.take_for_granted(lost=True)
        guard.tell("deployment_missed", services=list(changed))
        return
    current = watch.deployment
    if current and settling(current, watch.changed_at, guard.tools.settings.deployment, now):
        watch.deployment = replace(current, command_ended_at=now)
        await guard.take_for_granted(watch.deployment)
    else:
        await _open(guard, changed, previous, now)
    watch.changed_at = now


def _long_ago(guard: Guard, changed: tuple[str, ...], now: datetime) -> bool:
    """It happened while nobody looked, and its window would be over: what runs since then is left alone."""
    ended = now - guard.tools.settings.deployment.monitor
    return all(c.created_at < ended for c in guard.watch.containers if c.service in changed)


async def _open(guard: Guard, changed: tuple[str, ...], previous: Containers, now: datetime) -> None:
    superseded = guard.watch.deployment
    deployment = _deployment(guard, superseded, previous, now)
    records: list[Record] = [deployment]
    if superseded:
        records.append(replace(superseded, phase=Phase.SUPERSEDED, ended_at=now))
        guard.conductor.settle(superseded.id, "superseded")
    await guard.open(deployment, *records)
    guard.tell("deployment_observed", deployment=deployment.id, services=list(changed))


def _deployment(
    guard: Guard, superseded: Deployment | None, previous: Containers, now: datetime
) -> Deployment:
    """The baseline is what the last look showed, if it is known: a look may fall into the middle.

    A superseded deployment began from its own baseline: what it broke is no excuse for its successor.
    """
    watch = guard.watch
    before = [c for c in previous or watch.containers if of_known_making(watch.known, c)]
    ran = frozenset(c.service for c in before if c.running and not c.one_off)
    red, bad = watch.baseline_red(guard.tools.settings.checks), Health.UNHEALTHY
    unhealthy = frozenset(c.service for c in before if c.health is bad)
    return Deployment(
        id=f"{timestamp(now)}-{guard.name}",
        stack=guard.name,
        kind=Kind.OBSERVED,
        phase=Phase.MONITORING,
        started_at=now,
        command_ended_at=now,
        target_release=watch.target,
        baseline={c.id: c.restart_count for c in before},
        baseline_red=superseded.baseline_red if superseded else red,
        baseline_unhealthy=superseded.baseline_unhealthy if superseded else unhealthy,
        expected=superseded.expected if superseded else ran,
    )
