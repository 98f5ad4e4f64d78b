"""Notices deployments that nobody announced: containers of another making than what is taken for granted.

Called by the guard after each look. Our own operations are no deployments, and neither is a manual stop.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from watchdog.daemon.before import baselines, free_name
from watchdog.daemon.desk import Desk
from watchdog.daemon.judging import settling
from watchdog.deploy.changes import changed_services, of_known_making
from watchdog.deploy.deployment import Deployment, Kind, Phase
from watchdog.deploy.uncovered import changed_files, started_since
from watchdog.rollback.ledger import Record
from watchdog.stack import Container, Release

Containers = tuple[Container, ...]


async def notice(desk: Desk, previous: Containers, now: datetime) -> None:
    """Open a window for a change, or let the open one go on where the change belongs to it."""
    watch = desk.watch
    if _ours(desk) or not watch.containers:
        return
    if not watch.known:
        await desk.take_for_granted()
        return
    changed = changed_services(watch.known, watch.containers)
    if not changed:
        return
    if not previous and _long_ago(desk, changed, now):
        await _missed(desk, changed)
        return
    current = watch.deployment if watch.proposal is None else None  # what a person is asked about has failed
    if current and settling(current, watch.changed_at, desk.tools.settings.deployment, now):
        watch.deployment = replace(current, command_ended_at=now)
        await desk.take_for_granted(watch.deployment)
    else:
        await _open(desk, changed, previous, now)
    watch.changed_at = now


def _ours(desk: Desk) -> bool:
    """Also where the process before this one announced it: what its command does is no other one."""
    deployment = desk.watch.deployment
    return desk.work.ours or (deployment is not None and deployment.phase is Phase.DEPLOYING)


async def _missed(desk: Desk, services: tuple[str, ...]) -> None:
    """It happened while nobody looked, and its window would be over: what runs since then is left alone."""
    await desk.take_for_granted(lost=True)
    desk.tell("deployment_missed", services=list(services))


def _long_ago(desk: Desk, changed: tuple[str, ...], now: datetime) -> bool:
    """Its window would be over."""
    ended = now - desk.tools.settings.deployment.monitor
    return all(c.created_at < ended for c in desk.watch.containers if c.service in changed)


async def notice_files(desk: Desk, known: Release, found: Release) -> None:
    """Containers were started anew with other bytes of a mounted file: a deployment like any other.

    Started by somebody: what the engine starts again after a crash may have written the file itself.
    `known` and `found` are made of the same; where the parts changed too, `notice` has opened the window.
    """
    watch, stack = desk.watch, desk.tools.settings.stack
    paths = changed_files(stack, watch.containers, known, found)
    by_somebody = tuple(c for c in started_since(known, watch.containers) if not c.restart_count)
    fresh = _not_granted(watch.granted_at, by_somebody)
    if not paths or not fresh or _ours(desk) or watch.good is None:
        return
    now, monitor = desk.tools.hands.clock.now(), desk.tools.settings.deployment.monitor
    if all(c.started_at and c.started_at < now - monitor for c in fresh):
        await _missed(desk, tuple(sorted({c.service for c in fresh})))
        return
    current = watch.deployment
    if current and current.open and any(c.started_at and c.started_at >= current.started_at for c in fresh):
        return  # the window that is open judges these starts already
    desk.tell("files_changed", files=[str(path) for path in paths])
    await _open(desk, tuple(sorted({c.service for c in fresh})), watch.containers, now)
    watch.changed_at = now


def _not_granted(granted_at: datetime | None, containers: Containers) -> Containers:
    """A rollback that put mounted files back started them: it ended by taking what runs for granted."""
    return tuple(c for c in containers if granted_at is None or (c.started_at and c.started_at > granted_at))


async def _open(desk: Desk, changed: tuple[str, ...], previous: Containers, now: datetime) -> None:
    superseded = desk.watch.deployment
    deployment = _deployment(desk, await free_name(desk, now), superseded, previous, now)
    records: list[Record] = [deployment]
    if superseded:
        records.append(replace(superseded, phase=Phase.SUPERSEDED, ended_at=now))
        desk.settle(superseded.id, "superseded")
    await desk.open(deployment, *records)
    desk.tell("deployment_observed", deployment=deployment.id, services=list(changed))


def _deployment(
    desk: Desk, name: str, superseded: Deployment | None, previous: Containers, now: datetime
) -> Deployment:
    """The baseline is what the last look showed, if it is known: a look may fall into the middle.

    A superseded deployment began from its own baseline: what it broke is no excuse for its successor.
    """
    watch = desk.watch
    before = [c for c in previous or watch.containers if of_known_making(watch.known, c)]
    ran = frozenset(c.service for c in before if c.running and not c.one_off)
    return Deployment(
        id=name,
        stack=desk.name,
        kind=Kind.OBSERVED,
        phase=Phase.MONITORING,
        started_at=now,
        command_ended_at=now,
        target_release=watch.target(desk.tools.settings.stack),
        baseline={c.id: c.restart_count for c in before},
        **baselines(desk, before, superseded, now),
        expected=superseded.expected if superseded else ran,
    )
