"""What follows from a failed deployment: a rollback, a proposal of one, or the reason why neither."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import catalogue
from watchdog.daemon.tools import Tools
from watchdog.daemon.watch import Watch
from watchdog.database.fingerprint import schema_fingerprint
from watchdog.deploy.deployment import Deployment
from watchdog.errors import Refused, WatchdogError
from watchdog.rollback.course import Course, course
from watchdog.rollback.operate import Request
from watchdog.rollback.plan import fitting
from watchdog.rollback.policy import DatabasePolicy
from watchdog.rollback.suspension import holding
from watchdog.rollback.target import AUTOMATIC, Target, automatic_target, choose_plan, permit
from watchdog.stack import Release

READ_WITHIN = 10.0
"""Seconds. The guard decides nothing else meanwhile, and a migration may hold a lock on its own table."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """`refusal`: why it is not rolled back at once. `request`: what is, or would be, done.

    None where nothing can be done, or nobody wants to know: then it is left.
    """

    course: Course
    request: Request | None = None
    refusal: str = ""


async def react(tools: Tools, watch: Watch, deployment: Deployment) -> Reaction:
    """Decide. Raises nothing: whatever stands against a rollback becomes the refusal."""
    holds = holding(watch.suspensions, tools.hands.clock.now())
    chosen, why = course(tools.settings.rollback.mode, deployment.allowed, holds)
    if chosen is Course.LEAVE:
        return Reaction(chosen, refusal=why)
    try:
        if chosen is Course.ROLL_BACK:
            await _permit(tools, deployment)
        return Reaction(chosen, await due(tools, watch, deployment), why)
    except WatchdogError as error:
        return Reaction(Course.LEAVE, refusal=str(error))


async def _permit(tools: Tools, deployment: Deployment) -> None:
    """The budget binds what acts unattended: a person who is asked or told may decide as ever."""
    operations = await tools.ledger.operations(tools.settings.stack.name, limit=100)
    permit(deployment, operations, tools.hands.clock.now(), tools.hands.clock.uptime())


async def due(tools: Tools, watch: Watch, deployment: Deployment) -> Request:
    """The rollback that this deployment needs now. Raises `Refused` where none is possible."""
    stack = tools.settings.stack
    good = await tools.ledger.release(deployment.target_release) if deployment.target_release else None
    backups = catalogue(tools.settings.backup.directory, stack.name)
    target = await _only_data(tools, watch, deployment, good, backups)
    failed = "" if target or (good and good.fingerprint == watch.fingerprint) else watch.fingerprint
    if target is None:
        marks = await tools.ledger.marks(stack.name)
        runs = good is not None and watch.runs(good, stack)
        target = automatic_target(deployment, good, backups, marks, runs)
    plan = await _plan(tools, deployment, target)
    return Request(
        target=target,
        plan=fitting(plan, stack, watch.containers, target.release),
        actor=AUTOMATIC,
        reasons=deployment.reasons,
        deployment=deployment,
        failed_fingerprint=failed,
        failed_parts=watch.parts,
    )


async def _only_data(
    tools: Tools, watch: Watch, deployment: Deployment, good: Release | None, backups: Sequence[Backup]
) -> Target | None:
    """The containers are the good ones, but the command left another schema behind: the data goes back."""
    stack = tools.settings.stack
    if good is None or not stack.databases or not watch.runs(good, stack):
        return None
    own = next((backup for backup in backups if backup.timestamp == deployment.backup), None)
    return Target(good, own) if own is not None and await schema_changed(tools, own) else None


async def _plan(tools: Tools, deployment: Deployment, target: Target) -> str:
    if not tools.settings.stack.databases:
        return "keep database"
    policy = tools.settings.rollback
    if policy.database is DatabasePolicy.NEVER:
        return "keep database"
    if target.backup is None:
        raise Refused(
            "the last known good release has no complete backup, so nobody can tell whether the schema "
            "still fits; decide by hand with 'ops-watchdog rollback --keep-database'"
        )
    changed = await schema_changed(tools, target.backup)
    return choose_plan(policy, deployment.kind, target.backup, changed, tools.hands.clock.now())


async def schema_changed(tools: Tools, backup: Backup) -> bool:
    """Whether a live schema differs from the backup's; one that cannot be read in time counts as changed."""
    live = await live_schemas(tools)
    return any(schema is None or schema != backup.schema(name) for name, schema in live.items())


async def live_schemas(tools: Tools) -> dict[str, str | None]:
    """Each database's schema as it is now, by fingerprint; None where it cannot be read in time."""
    found: dict[str, str | None] = {}
    for database in tools.settings.stack.databases:
        found[database.name] = None
        with contextlib.suppress(WatchdogError, TimeoutError):
            cluster = await tools.hands.clusters.of(database)
            async with asyncio.timeout(READ_WITHIN), cluster.connect(database.name) as session:
                found[database.name] = await schema_fingerprint(session)
    return found
