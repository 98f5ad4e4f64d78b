"""The undo's step three: the displaced databases come back by the same swap, and displace what is live now.

Nothing is lost by an undo either: it can be undone in turn.
"""

from __future__ import annotations

from typing import Any

from watchdog.database.displaced import open_read_only
from watchdog.database.fence import end_backends
from watchdog.database.names import application_name
from watchdog.database.returning import make_fit
from watchdog.database.swap import SwapState, observe
from watchdog.rollback.run import Run
from watchdog.rollback.steps.databases import cluster_of, pairs
from watchdog.rollback.steps.restore import swap_all


async def return_database(run: Run) -> dict[str, Any]:
    """Facts: `displaced`, live name to the name under which the one from before the undo stays."""
    for database, pair in pairs(run).items():
        cluster = await cluster_of(run, database)
        await end_backends(cluster, application_name(run.operation.id), [pair.live])
        if await observe(cluster, pair) is not SwapState.SWAPPED:
            await make_fit(cluster, pair.live, pair.side, run.hands.clock)
    return await swap_all(run)


async def set_aside_again(run: Run) -> dict[str, Any]:
    """Part of an abort: what did not come back can be read again, and only read. Facts: `set_aside`."""
    for database, pair in pairs(run).items():
        await open_read_only(await cluster_of(run, database), pair.side)
    return {"set_aside": [pair.side for pair in pairs(run).values()]}
