"""Tidying up: retention and compression after a new backup, and each hour the copies that were left over.

Never while an operation needs them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from watchdog.backup.catalogue import catalogue
from watchdog.backup.compress import compress_old
from watchdog.backup.retention import expired, prune
from watchdog.daemon.guard import Guard
from watchdog.rollback.displaced import still_needed

KEPT_LINES = 10_000
"""Of what was noted, and of check transitions, for each stack: some 3 MiB, years of an ordinary one."""


async def tidy(guard: Guard) -> dict[str, Any]:
    """Under the stack's lock: a rollback may be about to name a set that is due to go."""
    done: dict[str, Any] = await guard.desk.work.run("tidying the backups", _tidy(guard))
    return done


async def _tidy(guard: Guard) -> dict[str, Any]:
    """Delete what expired and compress what is old, off the event loop; told what was done."""
    policy = guard.tools.settings.backup
    now = guard.tools.hands.clock.now()
    protected = await protected_timestamps(guard)
    doomed = expired(catalogue(policy.directory, guard.name), policy, now, protected)
    removed = await asyncio.to_thread(prune, policy.directory, doomed)
    compressed = await asyncio.to_thread(compress_old, policy.directory, policy, now)
    guard.desk.tell("backups_tidied", removed=list(removed), compressed=list(compressed))
    return {"removed": list(removed), "compressed": list(compressed)}


async def sweep(guard: Guard) -> None:
    """Drop the copies of databases that a dead process left, or that nobody wants any more; nobody waits."""
    if guard.tools.settings.stack.databases and await guard.preparer.unneeded():
        await guard.desk.work.run("dropping leftover copies", guard.preparer.sweep(), gives_way=True)


async def forget(guard: Guard) -> None:
    """Let go of the oldest lines of the story that `explain` tells: they grow with every deployment."""
    await guard.tools.ledger.trim(guard.name, keep=KEPT_LINES)


async def protected_timestamps(guard: Guard) -> frozenset[str]:
    """Backups that an open deployment or rollback names, or whose copy stands by or is in the making; the one
    before the last known good release; and those by which the rows of displaced databases are told apart.
    """
    ledger = guard.tools.ledger
    operations = await ledger.operations(guard.name, limit=5)
    named = {operation.backup for operation in operations if operation.open}
    named |= {guard.tools.hands.standbys.making, *await guard.preparer.needed()}
    named |= {record.backup for record in await ledger.displaced(guard.name) if still_needed(record)}
    if guard.watch.deployment is not None:
        named.add(guard.watch.deployment.backup)
    if guard.watch.good is not None:
        of_good = (
            backup.timestamp
            for backup in catalogue(guard.tools.settings.backup.directory, guard.name)
            if backup.release and backup.release.fingerprint == guard.watch.good.fingerprint
        )
        named.add(next(of_good, None))
    return frozenset(timestamp for timestamp in named if timestamp)
