"""The rollback that a person asks for: target and plan, decided from the words of the command.

Called for the act and for its plan alike, so that what is shown is what is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import catalogue, find
from watchdog.daemon.guard import Guard
from watchdog.daemon.reacting import live_schemas, schema_changed
from watchdog.deploy.deployment import Kind
from watchdog.errors import Refused, UsageError
from watchdog.rollback.operate import Request
from watchdog.rollback.plan import fitting
from watchdog.rollback.script_target import compose_of, require_own_dumps, script_target
from watchdog.rollback.target import (
    Target,
    as_it_runs,
    choose_plan,
    database_only_target,
    newest_target,
    requested_target,
)
from watchdog.rollback.undo import as_it_ran, undo
from watchdog.stack import Release

Arguments = Mapping[str, Any]

SERVICE_FIRST = "the database's own service does not run as the target had it, so it comes up first"

FAR_BACK = 50
"""Operations among which the one to undo is looked for; anything older has been followed by others."""


async def decide(guard: Guard, arguments: Arguments, actor: str, name: str) -> Request:
    """The request, from `backup_timestamp`, `keep_database`, `database_only` and `undo`.

    Raises `UsageError` where they exclude each other or name what does not exist, `Refused` with the reason.
    """
    _require_one(arguments)
    if arguments.get("undo"):
        return _recovering(guard, await _undo(guard, str(arguments["undo"]), actor, name))
    if arguments.get("database_only"):
        target = await _database_only(guard, arguments.get("backup_timestamp"))
        plan, why = "database only", "--database-only: images and files stay as they are"
    else:
        target = await choose(guard, arguments.get("backup_timestamp"), pull=not arguments.get("plan"))
        plan, why = _whole(guard, target, bool(arguments.get("keep_database")))
    wanted = Request(target, plan, actor, (f"wanted by {name}",), guard.watch.deployment, why=why)
    return _recovering(guard, wanted)


def _whole(guard: Guard, target: Target, keep_database: bool) -> tuple[str, str]:
    """The plan for release and database, and why."""
    if not guard.tools.settings.stack.databases:
        return "keep database", "the stack has no database"
    if keep_database:
        return "keep database", "--keep-database: the database stays as it is"
    if target.backup is None:
        return "keep database", "there is no backup of the database to restore"
    return "full", "the database goes back with the release that wrote it (--keep-database leaves it)"


def _recovering(guard: Guard, wanted: Request) -> Request:
    """With the database's own service brought up first, where it is not as the target had it."""
    stack, containers = guard.tools.settings.stack, guard.watch.containers
    plan = fitting(wanted.plan, stack, containers, wanted.target.release)
    if plan == wanted.plan:
        return wanted
    return replace(wanted, plan=plan, why=f"{wanted.why}; {SERVICE_FIRST}")


async def unattended(guard: Guard, wanted: Request) -> str | None:
    """What the policy would decide for this pair if nobody were asked; None where there is no database."""
    policy, deployment = guard.tools.settings.rollback, guard.watch.deployment
    backup = wanted.target.backup
    if backup is None or not backup.dumps or not guard.tools.settings.stack.databases:
        return None
    kind = deployment.kind if deployment else Kind.OBSERVED
    changed = await schema_changed(guard.tools, backup)
    schema = "the schema changed since" if changed else "the schema is the same as then"
    try:
        chosen = choose_plan(policy, kind, backup, changed, guard.tools.hands.clock.now())
    except Refused as error:
        chosen = f"nothing: {error}"
    return f"{chosen} (rollback.database: {policy.database}, a deployment {kind}, {schema})"


async def choose(guard: Guard, timestamp: object, pull: bool = True) -> Target:
    """The target that a person named, or the newest that makes sense. What runs is looked at.

    `pull`: images that only a script's set names may be fetched now.
    """
    directory = guard.tools.settings.backup.directory
    if timestamp is not None:
        backup = find(directory, str(timestamp), guard.name)
        if not backup.made_by_script:
            target = requested_target(backup)
            await guard.looker.look_now()
            return target
        compose_of(backup)
        await guard.looker.look_now()
        return await script_target(backup, guard.tools.hands, guard.watch.containers, pull)
    marks = await guard.tools.ledger.marks(guard.name)
    await guard.looker.look_now()
    return newest_target(catalogue(directory, guard.name), marks, guard.watch.fingerprint)


def _require_one(arguments: Arguments) -> None:
    given = [option for option in ("keep_database", "database_only", "undo") if arguments.get(option)]
    if arguments.get("undo") and arguments.get("backup_timestamp"):
        given.append("backup_timestamp")
    if len(given) > 1:
        words = " and ".join(f"--{option.replace('_', '-')}" for option in given)
        raise UsageError(f"{words} exclude each other: choose one")


async def _database_only(guard: Guard, timestamp: object) -> Target:
    if not guard.tools.settings.stack.databases:
        raise UsageError(f"{guard.name} has no database to restore")
    backup = _named(guard, timestamp)
    require_own_dumps(backup, guard.tools.settings.stack)
    await guard.looker.look_now()
    return database_only_target(
        backup, running_release(guard), guard.watch.fingerprint, await live_schemas(guard.tools)
    )


def _named(guard: Guard, timestamp: object) -> Backup:
    directory = guard.tools.settings.backup.directory
    if timestamp is not None:
        return find(directory, str(timestamp), guard.name)
    newest = next((backup for backup in catalogue(directory, guard.name) if backup.complete), None)
    if newest is None:
        raise Refused(f"there is no complete backup in {directory} ('ops-watchdog backup' makes one)")
    return newest


def running_release(guard: Guard) -> Release:
    """What runs, as captured, or as its containers tell."""
    watch, stack = guard.watch, guard.tools.settings.stack
    if watch.release is not None and watch.release.fingerprint == watch.fingerprint:
        return watch.release
    return as_it_runs(stack, watch.containers, guard.tools.hands.clock.now())


async def _undo(guard: Guard, wanted: str, actor: str, name: str) -> Request:
    ledger = guard.tools.ledger
    await guard.looker.look_now()
    operations = await ledger.operations(guard.name, limit=FAR_BACK)
    journal = {operation.id: await ledger.steps(operation.id) for operation in operations}
    found = undo(wanted, operations, journal, guard.watch.fingerprint)
    release: Release | None = running_release(guard)
    if found.release is not None:
        release = await ledger.release(found.release)
    if release is None:
        raise Refused(f"release {found.release}, which ran before {wanted}, is not in the state any more")
    if found.release is not None:
        release = as_it_ran(release, journal[found.origin.id])
    return Request(
        Target(release, None),
        found.plan,
        actor,
        (f"undo of rollback {wanted}, wanted by {name}",),
        guard.watch.deployment,
        undoes=wanted,
        returning=found.returning,
        why="what that rollback replaced and what it displaced belong together",
    )
