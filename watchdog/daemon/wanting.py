"""The rollback that a person asks for: target and plan, decided from the words of the command.

Called for the act and for its plan alike, so that what is shown is what is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import catalogue, find
from watchdog.daemon.reacting import live_schemas
from watchdog.errors import Refused, UsageError
from watchdog.rollback.operate import Request
from watchdog.rollback.plan import fitting
from watchdog.rollback.script_target import require_own_dumps, script_target
from watchdog.rollback.target import (
    Target,
    as_it_runs,
    database_only_target,
    newest_target,
    requested_target,
)
from watchdog.rollback.undo import as_it_ran, undo
from watchdog.stack import Release

if TYPE_CHECKING:  # the guard's requests call it with the guard
    from watchdog.daemon.guard import Guard

Arguments = Mapping[str, Any]

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
        plan = "database only"
    else:
        target = await choose(guard, arguments.get("backup_timestamp"), pull=not arguments.get("plan"))
        kept = arguments.get("keep_database") or target.backup is None
        plan = "keep database" if kept or not guard.tools.settings.stack.databases else "full"
    wanted = Request(target, plan, actor, (f"wanted by {name}",), guard.watch.deployment)
    return _recovering(guard, wanted)


def _recovering(guard: Guard, wanted: Request) -> Request:
    """With the database's own service brought up first, where it is not as the target had it."""
    stack, containers = guard.tools.settings.stack, guard.watch.containers
    return replace(wanted, plan=fitting(wanted.plan, stack, containers, wanted.target.release))


async def choose(guard: Guard, timestamp: object, pull: bool = True) -> Target:
    """The target that a person named, or the newest that makes sense. What runs is looked at.

    `pull`: images that only a script's set names may be fetched now.
    """
    directory = guard.tools.settings.backup.directory
    if timestamp is not None:
        backup = find(directory, str(timestamp), guard.name)
        if not backup.made_by_script:
            target = requested_target(backup)
            await guard.look_now()
            return target
        await guard.look_now()
        return await script_target(backup, guard.tools.hands, guard.watch.containers, pull)
    marks = await guard.tools.ledger.marks(guard.name)
    await guard.look_now()
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
    await guard.look_now()
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
    await guard.look_now()
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
    )
