"""Step three: restore the backup beside the live database, compare it, and swap it in by rename.

What a killed run left working in the server is ended first. The live database is never dropped or overwritten
(design rule 1): it stays, displaced, under another name. Both stay fenced until `restart_services`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import mark_verified, open_dump
from watchdog.clock import Clock
from watchdog.database.fence import end_backends
from watchdog.database.names import application_name
from watchdog.database.ports import Cluster
from watchdog.database.properties import Properties
from watchdog.database.restore import restore_beside
from watchdog.database.swap import Swap, SwapState, observe, swap
from watchdog.rollback.run import Run


async def restore_database(run: Run) -> dict[str, Any]:
    """Facts: `displaced`, live name to the name under which the former one stays."""
    if run.backup is None:
        return {"displaced": {}}
    names = run.facts["preflight"]["databases"]
    by_service: dict[str, list[Swap]] = {}
    for database in run.stack.databases:
        pair = Swap(database.name, names[database.name]["side"], names[database.name]["displaced"])
        by_service.setdefault(database.service, []).append(pair)
        cluster = await run.hands.clusters.of(database, run.operation.id)
        await end_backends(cluster, application_name(run.operation.id))
        await _restore(cluster, pair, run.backup, run.hands.clock)
    for database in run.stack.databases:
        if pairs := by_service.pop(database.service, None):
            cluster = await run.hands.clusters.of(database, run.operation.id)
            await swap(cluster, pairs, run.hands.clock)
    return {"displaced": {name: chosen["displaced"] for name, chosen in names.items()}}


async def _restore(cluster: Cluster, pair: Swap, backup: Backup, clock: Clock) -> None:
    if await observe(cluster, pair) is SwapState.SWAPPED:
        return
    saved = backup.properties(pair.live)
    await restore_beside(
        cluster,
        pair.live,
        pair.side,
        open_dump(backup, pair.live),
        clock=clock,
        fmt=backup.format(),
        expected=backup.contents(pair.live),
        saved=Properties.from_mapping(saved) if saved else None,
    )
    if backup.complete:
        await asyncio.to_thread(mark_verified, backup, clock.now())
