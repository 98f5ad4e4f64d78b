"""Notices deployments that nobody announced: containers of another making than what is taken for granted.

Called by the guard after each look. Our own operations are no deployments, and neither is a manual stop.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from watchdog.clock import timestamp
from watchdog.daemon.desk import Desk
from watchdog.daemon.judging import settling
from watchdog.deploy.changes import changed_services, of_known_making
from watchdog.deploy.deployment import Deployment, Kind, Phase
from watchdog.rollback.ledger import Record
from watchdog.stack import Container, Health

Containers = tuple[Container, ...]


async def notice(desk: Desk, previous: Containers, now: datetime) -> None:
    """Open a window for a change, or let the open one go on where the change belongs to it."""
    watch = desk.watch
    if desk.work.ours or not watch.containers:
        return
    if not watch.known:
        await desk.take_for_granted()
        return
    changed = changed_services(watch.known, watch.containers)
    if not changed:
        return
    if not previous and _long_ago(desk, changed, now):
        await desk.take_for_granted(lost=True)
        desk.tell("deployment_missed", services=list(changed))
        return
    current = watch.deployment
    if current and settling(current, watch.changed_at, desk.tools.settings.deployment, now):
        watch.deployment = replace(current, command_ended_at=now)
        await desk.take_for_granted(watch.deployment)
    else:
        await _open(desk, changed, previous, now)
    watch.changed_at = now


def _long_ago(desk: Desk, changed: tuple[str, ...], now: datetime) -> bool:
    """It happened while nobody looked, and its window would be over: what runs since then is left alone."""
    ended = now - desk.tools.settings.deployment.monitor
    return all(c.created_at < ended for c in desk.watch.containers if c.service in changed)


async def _open(desk: Desk, changed: tuple[str, ...], previous: Containers, now: datetime) -> None:
    superseded = desk.watch.deployment
    deployment = _deployment(desk, superseded, previous, now)
    records: list[Record] = [deployment]
    if superseded:
        records.append(replace(superseded, phase=Phase.SUPERSEDED, ended_at=now))
        desk.settle(superseded.id, "superseded")
    await desk.open(deployment, *records)
    desk.tell("deployment_observed", deployment=deployment.id, services=list(changed))


def _deployment(desk: Desk, superseded: Deployment | None, previous: Containers, now: datetime) -> Deployment:
    """The baseline is what the last look showed, if it is known: a look may fall into the middle.

    A superseded deployment began from its own baseline: what it broke is no excuse for its successor.
    """
    watch = desk.watch
    before = [c for c in previous or watch.containers if of_known_making(watch.known, c)]
    ran = frozenset(c.service for c in before if c.running and not c.one_off)
    red, bad = watch.baseline_red(desk.tools.settings.checks), Health.UNHEALTHY
    unhealthy = frozenset(c.service for c in before if c.health is bad)
    return Deployment(
        id=f"{timestamp(now)}-{desk.name}",
        stack=desk.name,
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
