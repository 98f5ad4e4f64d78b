"""Step three: restore the backup beside the live database, compare it, swap it in by rename; and the undo.

What a killed run left working in the server is ended first. The live database is never dropped or overwritten
(design rule 1): it stays, displaced, under another name. Both stay fenced until `restart_services`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from watchdog.backup.backup import Backup
from watchdog.clock import Clock
from watchdog.database.fence import end_backends, unfence
from watchdog.database.losses import moment
from watchdog.database.names import application_name
from watchdog.database.ports import Cluster
from watchdog.database.swap import Swap, SwapState, observe, swap
from watchdog.errors import StepFailed
from watchdog.rollback.run import Run
from watchdog.rollback.standby import make_way, note_verified, proven_copy
from watchdog.rollback.steps.databases import cluster_of, fenced_before, pairs
from watchdog.rollback.steps.ground import prepare_ground


async def restore_database(run: Run) -> dict[str, Any]:
    """Facts: `displaced`, live name to the name under which the former one stays; `stood_by`, the databases
    whose copy stood already, so that nothing had to be restored.
    """
    if run.backup is None:
        return {"displaced": {}}
    stood_by = []
    await make_way(run.hands, run.backup.timestamp)
    ground = await prepare_ground(run, run.backup)
    for database, pair in pairs(run).items():
        cluster = await cluster_of(run, database)
        await end_backends(cluster, application_name(run.operation.id), [pair.live])
        if await _stood_by(cluster, pair, run.backup, run.hands.clock):
            stood_by.append(pair.live)
    await note_verified(run.backup, run.hands.clock)
    return {**await swap_all(run), **ground, "stood_by": stood_by}


async def swap_all(run: Run) -> dict[str, Any]:
    """All databases of one server in one transaction, server by server. Facts as `restore_database`, and
    `moments`: what is written later into the new live databases, the services wrote."""
    by_server: dict[str, list[Swap]] = {}
    moments: dict[str, str] = {}
    for database, pair in pairs(run).items():
        by_server.setdefault(database.server, []).append(pair)
    for database in run.stack.databases:
        if together := by_server.pop(database.server, None):
            cluster = await cluster_of(run, database)
            await swap(cluster, together, run.hands.clock, fenced=fenced_before(run))
            names = [pair.live for pair in together]
            moments.update(dict.fromkeys(names, await moment(cluster, names)))
    return {"displaced": {pair.live: pair.displaced for pair in pairs(run).values()}, "moments": moments}


async def require_not_swapped(run: Run) -> dict[str, Any]:
    """The first step of an abort: raises where a backup stands swapped in, so that nothing is started on it.

    A step that failed may have swapped one server's databases before it met the next, or before it died.
    """
    states = {}
    for database, pair in pairs(run).items():
        states[database.name] = await observe(await cluster_of(run, database), pair)
    if swapped := sorted(name for name, state in states.items() if state is not SwapState.NOT_SWAPPED):
        raise StepFailed(
            f"the swap of {', '.join(swapped)} stands, wholly or in part, and what ran before must not meet "
            f"the other data, so nothing was started and what is fenced stays so"
        )
    return {"states": {name: state.value for name, state in states.items()}}


async def lift_fence(run: Run) -> dict[str, Any]:
    """Part of an abort: clients may come again. Facts: `opened`. What was fenced before stays so.

    There an earlier rollback was held, and what may run now does not fit its schema (design rule 4).
    """
    return await open_databases(run, fenced_before(run))


async def open_databases(run: Run, but: Collection[str] = ()) -> dict[str, Any]:
    """Let clients in: what runs, or is started next, fits. Facts: `opened`."""
    names = [database.name for database in run.stack.databases if database.name not in but]
    for database in run.stack.databases:
        if database.name in names:
            await unfence(await cluster_of(run, database), [database.name])
    return {"opened": names}


async def _stood_by(cluster: Cluster, pair: Swap, backup: Backup, clock: Clock) -> bool:
    """Have a proven copy, or the swap of it, in place; whether nothing was restored for that."""
    if await observe(cluster, pair) is SwapState.SWAPPED:
        return True
    return await proven_copy(cluster, pair.live, backup, clock)
