"""Restores a dump beside the live database and proves the copy before anybody may rely on it.

The step `restore_database` calls it. The live database is never touched here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from watchdog.clock import Clock, Deadline
from watchdog.database import sql
from watchdog.database.contents import differences
from watchdog.database.fence import empty
from watchdog.database.measuring import survey
from watchdog.database.names import control_database, is_side
from watchdog.database.plain import guarded
from watchdog.database.ports import LONG, Cluster, Dump, Format
from watchdog.database.properties import (
    STAND_IN,
    Properties,
    apply_properties,
    create_like,
    read_properties,
)
from watchdog.errors import Corrupt, Refused, StepFailed, Unreachable
from watchdog.stack import Contents

EMPTY_WITHIN = timedelta(seconds=10)
TIDY_WITHIN = timedelta(seconds=30)
"""A stopping daemon has 90 s; dropping waits for a checkpoint."""


async def restore_beside(
    cluster: Cluster,
    live: str,
    side: str,
    dump: Dump,
    *,
    clock: Clock,
    fmt: Format = "custom",
    expected: Contents | None = None,
    saved: Properties | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Restore `dump` into the new database `side`, compare, and leave it fenced.

    A leftover of the same name is dropped first, so repeating is safe. Owner, rights and settings come from
    the live database, from `saved` where there is none. Raises `Corrupt` naming each table that differs from
    `expected`, `Refused` before anything is created, `StepFailed` where the server refuses; nothing is left
    then, nor after a cancellation, unless the server is gone.
    """
    _refuse_unless_side(live, side)
    async with cluster.connect(control_database([live, side])) as session:
        properties = _inherited(await read_properties(session, live), saved)
        if properties is None:
            raise Refused(
                f"database {live} does not exist and the backup holds no properties to create it by"
            )
        await discard_side(cluster, live, side, clock)
        await create_like(session, side, properties)
        await session.execute(sql.open_copy(side))
    proven = False
    try:
        progress(f"restoring into {side}")
        await cluster.restore(side, dump if fmt == "custom" else lambda: guarded(dump()), fmt)
        progress(f"comparing {side} with the backup's account")
        await _prove(cluster, side, expected)
        async with cluster.connect(control_database([live, side])) as session:
            await empty(session, [side], clock, Deadline(clock, EMPTY_WITHIN))
            await apply_properties(session, side, properties)
        proven = True
    finally:
        if not proven:
            await _tidy(cluster, live, side, clock)


def _inherited(live: Properties | None, saved: Properties | None) -> Properties | None:
    """What stands for a database that was gone says so in its comment, and a copy is no such thing."""
    if live is None or not (live.comment or "").startswith(STAND_IN):
        return live or saved
    return replace(live, comment=saved.comment if saved else None)


async def discard_side(cluster: Cluster, live: str, side: str, clock: Clock) -> None:
    """Drop a side database of ours, if it exists. Never anything else."""
    _refuse_unless_side(live, side)
    async with cluster.connect(control_database([live, side])) as session:
        if await session.rows(sql.databases_named([side])):
            await empty(session, [side], clock, Deadline(clock, EMPTY_WITHIN))
            await session.execute(sql.drop_database(side), LONG)


async def reopen_copy(cluster: Cluster, live: str, side: str) -> None:
    """Let clients into a copy that was restored: to look into it, and drop it then."""
    _refuse_unless_side(live, side)
    async with cluster.connect(control_database([live, side])) as session:
        await session.execute(sql.open_copy(side))


async def _tidy(cluster: Cluster, live: str, side: str, clock: Clock) -> None:
    """Give the room back, and end what still works there. Where that fails, the next try begins with it."""
    with contextlib.suppress(StepFailed, Unreachable, TimeoutError):
        async with asyncio.timeout(TIDY_WITHIN.total_seconds()):
            await discard_side(cluster, live, side, clock)


async def _prove(cluster: Cluster, side: str, expected: Contents | None) -> None:
    """Raises `Corrupt` where the copy differs. Its statistics are gathered meanwhile."""
    analyzing = asyncio.create_task(_analyze(cluster, side))
    try:
        faults = await _faults(cluster, side, expected)
        await analyzing
    finally:
        analyzing.cancel()
        await asyncio.gather(analyzing, return_exceptions=True)
    if faults:
        listed = "; ".join(faults[:10]) + (f"; and {len(faults) - 10} more" if len(faults) > 10 else "")
        raise Corrupt(
            f"{side} is not what was backed up: {listed}; "
            "choose another backup with 'ops-watchdog backups list'"
        )


async def _analyze(cluster: Cluster, side: str) -> None:
    async with cluster.connect(side) as session:
        await session.execute("ANALYZE", LONG)


async def _faults(cluster: Cluster, side: str, expected: Contents | None) -> tuple[str, ...]:
    if expected is None:
        return ()
    async with cluster.connect(side) as session:
        return differences(expected, await survey(session, expected))


def _refuse_unless_side(live: str, side: str) -> None:
    if side == live or not is_side(side):
        raise Refused(f"{side!r} is not the name of a side database; nothing else is ever created or dropped")
