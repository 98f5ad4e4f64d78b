"""The standby copies of a stack: made in the background, waited for, dropped when nobody needs them any more.

`daemon.preparing` makes one after the backup before a deployment; the step `restore_database` makes way for
its own, and both restore by `proven_copy`. When one is made and how long it is kept: `standby_rules`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:  # they carry the stack's `Standbys`
    from watchdog.rollback.run import Hands

log = structlog.get_logger(__name__)


class Standbys:
    """The work on the copies of one stack: one copy is made at a time. Outlives a reload of the settings."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._timestamp = ""
        self.dropping = asyncio.Lock()

    @property
    def making(self) -> str:
        """The backup whose copy is being made now; empty where none is."""
        return "" if self._task is None or self._task.done() else self._timestamp

    def start(self, timestamp: str, work: Coroutine[Any, Any, None]) -> None:
        """Make a copy from now on; the one that is being made is cut."""
        former, self._timestamp = self._task, timestamp
        if former is not None:
            former.cancel()
        self._task = asyncio.create_task(_after(former, work), name=f"standby {timestamp}")
        self._task.add_done_callback(_log_fault)

    async def settle(self, timestamp: str) -> None:
        """Return once nobody else works on a copy: this backup's is waited for, another's is cut.

        How it went is not told: whoever waited looks at what stands.
        """
        async with self.dropping:
            pass
        if self.making not in ("", timestamp):
            await self.cut()
        elif self._task is not None:
            await asyncio.wait([self._task])

    async def cut(self) -> None:
        """End the making; what it leaves is half a copy."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


async def _after(former: asyncio.Task[None] | None, work: Coroutine[Any, Any, None]) -> None:
    try:
        if former is not None:
            await asyncio.wait([former])
        await work
    finally:
        work.close()


def _log_fault(task: asyncio.Task[None]) -> None:
    """A fault of ours: whoever waits for the copy finds none, and restores for himself."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("standby_broke_off", exc_info=error)


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
