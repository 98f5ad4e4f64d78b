"""A proven copy of a backup beside the live database, ready to be swapped in.

Made in the background after a backup, or by the step `restore_database` where there is none. It is called
`standby_name` only after it was restored and compared: its existence is the proof, also after a crash.
"""

from __future__ import annotations

from collections.abc import Callable

from watchdog.clock import Clock
from watchdog.database import sql
from watchdog.database.names import control_database, side_name, standby_name
from watchdog.database.ports import Cluster, Dump, Format
from watchdog.database.properties import Properties
from watchdog.database.restore import discard_side, restore_beside
from watchdog.stack import Contents


async def stand_by(
    cluster: Cluster,
    live: str,
    timestamp: str,
    dump: Dump,
    *,
    clock: Clock,
    fmt: Format = "custom",
    expected: Contents | None = None,
    saved: Properties | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> str:
    """Restore and compare the backup of this timestamp, unless its copy stands already; the copy's name.

    Raises what `restore_beside` raises; what that leaves unfinished is dropped by the next try.
    """
    ready, building = standby_name(live, timestamp), side_name(live, timestamp)
    if await stands(cluster, live, timestamp):
        return ready
    await discard_side(cluster, live, ready, clock)  # somebody opened it: it proves nothing any more
    await restore_beside(
        cluster, live, building, dump, clock=clock, fmt=fmt, expected=expected, saved=saved, progress=progress
    )
    async with cluster.connect(control_database([live, building])) as session:
        await session.execute(sql.rename_database(building, ready))
    return ready


async def stands(cluster: Cluster, live: str, timestamp: str) -> bool:
    """Whether the copy is there, whole, and fenced as we left it."""
    ready = standby_name(live, timestamp)
    async with cluster.connect(control_database([live])) as session:
        found = await session.rows(sql.databases_named([ready]))
    return any(not open_to_all for _, open_to_all in found)


async def drop_standby(cluster: Cluster, live: str, timestamp: str, clock: Clock) -> None:
    """Drop the copy, finished or not. A copy that does not exist is fine."""
    for name in (standby_name(live, timestamp), side_name(live, timestamp)):
        await discard_side(cluster, live, name, clock)
