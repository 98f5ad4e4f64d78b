"""Finds the rows that `salvage` gets at: in the displaced database, or in its dump once that was dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import open_dump
from watchdog.backup.displaced_dump import read_displaced_dump
from watchdog.clock import timestamp
from watchdog.database import losses
from watchdog.database.contents import frozen
from watchdog.database.loss import Reference
from watchdog.database.measuring import measure
from watchdog.database.names import verify_name
from watchdog.database.restore import discard_side, reopen_copy, restore_beside
from watchdog.rollback.aftermath import Care, Server, exists, measure_of
from watchdog.rollback.displaced import Displaced
from watchdog.rollback.farewell import restore_displaced_dump

GONE = "the backup that was restored is gone, so what the services changed since looks lost as well"


@dataclass(frozen=True, slots=True)
class Source:
    """Which database holds the displaced rows, and which the restored ones to compare them with."""

    displaced: str
    restored: str
    reference: Reference
    note: str = ""
    settled: bool = True


@asynccontextmanager
async def find_source(care: Care, server: Server, record: Displaced) -> AsyncIterator[Source]:
    backup = care.backup(record)
    if await exists(server, record):
        async with server.connect(record.name) as old, server.connect(record.database) as live:
            reference = await measure_of(record, backup, old, live)
        yield Source(record.name, record.database, reference, "" if backup else GONE, backup is not None)
        return
    async with AsyncExitStack() as sides:
        yield await _from_dump(care, server, record, backup, sides)


async def _from_dump(
    care: Care, server: Server, record: Displaced, backup: Backup | None, sides: AsyncExitStack
) -> Source:
    note = f"{record.name} is gone; its dump {record.dump} was restored beside"
    made = await asyncio.to_thread(read_displaced_dump, care.backups.directory, record.dump)
    side = verify_name(record.database, timestamp(record.at))
    sides.push_async_callback(discard_side, server, record.database, side, care.hands.clock)
    await restore_displaced_dump(care, server, record, made, side)
    await reopen_copy(server, record.database, side)
    if backup is None or not backup.dumps or record.since:
        async with server.connect(record.database) as live, frozen(live):
            reference = Reference("", await measure(live, "counts"))
        return Source(side, record.database, reference, f"{note}; {GONE}", settled=False)
    copy = verify_name(record.database, backup.timestamp)
    sides.push_async_callback(discard_side, server, record.database, copy, care.hands.clock)
    contents = backup.dump(record.database).account.contents
    await restore_beside(
        server,
        record.database,
        copy,
        lambda: open_dump(backup, record.database),
        clock=care.hands.clock,
        expected=contents,
    )
    await reopen_copy(server, record.database, copy)
    moment = await losses.moment(server, [side, copy])
    return Source(side, copy, Reference("", contents.tables, moment), note)
