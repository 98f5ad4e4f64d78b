"""What may be asked of a stack's backups beside making one: prove, show, pin and prune them.

Taken up by `requests` for the control socket and for a command without a daemon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from watchdog.backup import marks
from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import catalogue, find
from watchdog.backup.retention import expired, expires, kept, prune
from watchdog.daemon.chores import protected_timestamps
from watchdog.daemon.client import Arguments, Caller, Channel
from watchdog.daemon.guard import Guard
from watchdog.errors import Refused
from watchdog.rollback.verification import verify


async def verify_backup(guard: Guard, arguments: Arguments, channel: Channel, caller: Caller) -> Any:
    """Under the stack's lock, but whatever else wants to act cuts it: nobody waits for a proof."""
    backup = await asyncio.to_thread(_wanted, guard, arguments.get("timestamp"))
    tools, restore = guard.tools, not arguments.get("checksums_only")
    began = tools.hands.clock.monotonic()
    stop_listening = guard.desk.listen(lambda event: channel.send({"progress": event}))
    try:
        await guard.tools.audit(caller, "verify", backup.timestamp)
        work = verify(
            backup, tools.hands, lambda text: guard.desk.tell("verify_progress", text=text), restore=restore
        )
        proven: Backup = await guard.desk.work.run(f"verify {backup.timestamp}", work, gives_way=True)
    finally:
        stop_listening()
    return {**described(proven), "seconds": round(tools.hands.clock.monotonic() - began, 3)}


async def show_backup(guard: Guard, arguments: Arguments, _channel: Channel, _caller: Caller) -> Any:
    """Everything that is known of one set, and how long it stays."""
    policy, now = guard.tools.settings.backup, guard.tools.hands.clock.now()
    backups = await asyncio.to_thread(_all, guard)
    backup = find(policy.directory, str(arguments.get("timestamp")), guard.name)
    reason = kept(backups, policy, now, await _protected(guard)).get(backup.timestamp)
    ends = expires(backup, policy)
    return {
        **described(backup),
        "directory": str(policy.directory),
        "took_seconds": backup.seconds,
        "files": [asdict(file) for file in backup.files],
        "release": _release(backup),
        "databases": [_database(backup, dump.name) for dump in backup.dumps],
        "kept": reason,
        "expires_at": ends.isoformat(),
    }


async def pin_backup(guard: Guard, arguments: Arguments, _channel: Channel, caller: Caller) -> Any:
    pinned, timestamp = bool(arguments.get("pinned", True)), str(arguments.get("timestamp"))
    backup = find(guard.tools.settings.backup.directory, timestamp, guard.name)
    await guard.tools.audit(caller, "pin" if pinned else "unpin", timestamp)
    return described(await asyncio.to_thread(marks.pin, backup, guard.name, pinned))


async def prune_backups(guard: Guard, arguments: Arguments, _channel: Channel, caller: Caller) -> Any:
    """What expired goes, under the lock; with `dry_run` it is only told."""
    if arguments.get("dry_run"):
        return await _prune(guard, act=False)
    await guard.tools.audit(caller, "prune")
    return await guard.desk.work.run("pruning the backups", _prune(guard, act=True))


async def _prune(guard: Guard, act: bool) -> dict[str, Any]:
    policy, now = guard.tools.settings.backup, guard.tools.hands.clock.now()
    backups, protected = await asyncio.to_thread(_all, guard), await _protected(guard)
    doomed = expired(backups, policy, now, protected)
    removed = await asyncio.to_thread(prune, policy.directory, doomed) if act else ()
    return {
        "expired": [
            {**_size(backup), "reason": reason, "removed": backup.timestamp in removed}
            for backup, reason in doomed
        ],
        "kept": _kept(backups, kept(backups, policy, now, protected)),
    }


def _kept(backups: Sequence[Backup], reasons: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {**_size(b), "level": b.level.value, "reason": reasons[b.timestamp]}
        for b in backups
        if b.timestamp in reasons
    ]


def described(backup: Backup) -> dict[str, Any]:
    """What the commands say of any set."""
    return {
        **_size(backup),
        "at": backup.at.isoformat(),
        "level": backup.level.value,
        "reason": backup.reason,
        "stack": backup.stack or None,
        "pinned": backup.pinned,
        "checked_at": backup.checked_at.isoformat() if backup.checked_at else None,
        "verified_at": backup.verified_at.isoformat() if backup.verified_at else None,
        "made_by_script": backup.made_by_script,
        "problem": backup.problem,
    }


def _size(backup: Backup) -> dict[str, Any]:
    return {"timestamp": backup.timestamp, "size_bytes": backup.size_bytes}


def _release(backup: Backup) -> dict[str, Any] | None:
    if backup.release is None:
        return None
    return {
        "id": backup.release.id,
        "services": [
            {"service": s.service, "image": s.image, "image_id": s.image_id} for s in backup.release.services
        ],
        "files": [str(file.path) for file in backup.release.files],
    }


def _database(backup: Backup, name: str) -> dict[str, Any]:
    dump = backup.dump(name)
    contents = dump.account.contents
    return {
        "name": name,
        "server": dump.service,
        "file": dump.file,
        "size_bytes": dump.account.size_bytes,
        "server_version": contents.server_version,
        "tables": {table: counted.rows for table, counted in contents.tables.items()},
    }


def _wanted(guard: Guard, timestamp: object) -> Backup:
    """The set that a person named, or the newest complete one."""
    if timestamp is not None:
        return find(guard.tools.settings.backup.directory, str(timestamp), guard.name)
    newest = next((backup for backup in _all(guard) if backup.complete), None)
    if newest is None:
        raise Refused(
            "there is no complete backup to verify; make one with 'ops-watchdog backup', or name a set of a "
            "script's ('ops-watchdog backups list')"
        )
    return newest


def _all(guard: Guard) -> tuple[Backup, ...]:
    return catalogue(guard.tools.settings.backup.directory, guard.name)


async def _protected(guard: Guard) -> frozenset[str]:
    """Asked of the guard's own task: it has read its state then, also where it has only just begun."""
    return await guard.desk.ask(lambda: protected_timestamps(guard))


REQUESTS = {
    "verify_backup": verify_backup,
    "show_backup": show_backup,
    "pin_backup": pin_backup,
    "prune_backups": prune_backups,
}
