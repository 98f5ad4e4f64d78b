"""Tidying up after a new backup: retention and compression. Never while an operation needs the sets."""

from __future__ import annotations

import asyncio
from typing import Any

from watchdog.backup.catalogue import catalogue
from watchdog.backup.compress import compress_old
from watchdog.backup.retention import expired, prune
from watchdog.daemon.guard import Guard


async def tidy(guard: Guard) -> dict[str, Any]:
    """Under the stack's lock: a rollback may be about to name a set that is due to go."""
    done: dict[str, Any] = await guard.conductor.run("tidying the backups", _tidy(guard))
    return done


async def _tidy(guard: Guard) -> dict[str, Any]:
    """Delete what expired and compress what is old, off the event loop; told what was done."""
    policy = guard.tools.settings.backup
    now = guard.tools.hands.clock.now()
    protected = await protected_timestamps(guard)
    doomed = expired(catalogue(policy.directory), policy, now, protected)
    removed = await asyncio.to_thread(prune, policy.directory, doomed)
    compressed = await asyncio.to_thread(compress_old, policy.directory, policy, now)
    guard.tell("backups_tidied", removed=list(removed), compressed=list(compressed))
    return {"removed": list(removed), "compressed": list(compressed)}


async def protected_timestamps(guard: Guard) -> frozenset[str]:
    """Backups that an open deployment or rollback names, and the one before the last known good release."""
    ledger = guard.tools.ledger
    operations = await ledger.operations(guard.name, limit=5)
    named = {operation.backup for operation in operations if operation.open}
    if guard.watch.deployment is not None:
        named.add(guard.watch.deployment.backup)
    if guard.watch.good is not None:
        of_good = (
            backup.timestamp
            for backup in catalogue(guard.tools.settings.backup.directory)
            if backup.release and backup.release.fingerprint == guard.watch.good.fingerprint
        )
        named.add(next(of_good, None))
    return frozenset(timestamp for timestamp in named if timestamp)
