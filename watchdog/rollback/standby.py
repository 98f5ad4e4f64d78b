"""The standby copies of a stack: made in the background, waited for, dropped when nobody needs them any more.

`daemon.preparing` makes one after the backup before a deployment; the step `restore_database` makes way for
its own, and both restore by `proven_copy`. When one is made and how long it is kept: `standby_rules`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from functools import partial

import structlog

from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import open_dump
from watchdog.backup.marks import mark_verified
from watchdog.clock import Clock
from watchdog.database.leftovers import Copy, drop_copies, find_copies, may_go
from watchdog.database.ports import Cluster
from watchdog.database.properties import Properties
from watchdog.database.standby import stand_by, stands
from watchdog.errors import StepFailed, WatchdogError
from watchdog.rollback.run import Hands

log = structlog.get_logger(__name__)


async def make_way(hands: Hands, timestamp: str) -> None:
    """Before the restore of this backup, under the stack's lock: no other copy takes its room."""
    await hands.standbys.settle(timestamp)
    async with hands.standbys.dropping:
        try:
            await drop_unneeded(hands, {timestamp}, "")
        except StepFailed as error:  # it may fit all the same
            log.warning("standby_copies_stay", reason=str(error))


async def prepare(hands: Hands, backup: Backup) -> None:
    """Have a proven copy of every database of the stack stand by. Raises as `stand_by` does."""
    for database in hands.stack.databases:
        cluster = await hands.clusters.of(database, f"standby-{backup.timestamp}")
        await proven_copy(cluster, database.name, backup, hands.clock)
    await note_verified(backup, hands.clock)


async def proven_copy(cluster: Cluster, live: str, backup: Backup, clock: Clock) -> bool:
    """Restore and compare, unless the copy stands; whether it stood already. Raises as `stand_by` does."""
    if await stands(cluster, live, backup.timestamp):
        return True
    saved = backup.properties(live)
    await stand_by(
        cluster,
        live,
        backup.timestamp,
        partial(open_dump, backup, live),
        clock=clock,
        fmt=backup.format(),
        expected=backup.contents(live),
        saved=Properties.from_mapping(saved) if saved else None,
    )
    return False


async def note_verified(backup: Backup, clock: Clock) -> None:
    """Every database of it was restored and compared: its manifest says so from now on.

    A manifest that cannot be written, on a full disk say, takes nothing from the copy: it is only logged.
    """
    if not backup.complete:
        return
    try:
        await asyncio.to_thread(mark_verified, backup, clock.now())
    except WatchdogError as error:
        log.warning("backup_not_marked_verified", backup=backup.timestamp, reason=str(error))


async def copies(hands: Hands) -> Mapping[str, tuple[Copy, ...]]:
    """Database to the copies that lie beside it now. Raises `Unreachable`."""
    found = {}
    for database in hands.stack.databases:
        cluster = await hands.clusters.of(database, "copies")
        found[database.name] = tuple(await find_copies(cluster, database.name))
    return found


async def drop_unneeded(
    hands: Hands, needed: Collection[str], making: str, abandoned: Collection[str] | None = None
) -> tuple[str, ...]:
    """Drop what `may_go`; returns the names. `abandoned` None only under the stack's lock."""
    dropped: tuple[str, ...] = ()
    live = {database.name for database in hands.stack.databases}
    for database in hands.stack.databases:
        cluster = await hands.clusters.of(database, "copies")
        found = [copy for copy in await find_copies(cluster, database.name) if copy.name not in live]
        doomed = may_go(found, needed, making, abandoned)
        dropped += await drop_copies(cluster, database.name, doomed, hands.clock)
    return dropped
