"""Proves a backup by really restoring it, beside the live database and never into it: `backups verify`.

The set's files are checked, each of its databases is restored under a name of its own, compared with the
manifest and dropped again; what came of it is noted in the manifest. A set made by a script has no account to
be compared with: it gets one here, measured on the restored copy, which makes it as good as ours.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from watchdog.backup.backup import Account, Backup, DatabaseDump, Level
from watchdog.backup.catalogue import check_files, open_dump
from watchdog.backup.legacy import legacy_dumps_of
from watchdog.backup.marks import mark_checked, mark_damaged, mark_script_verified, mark_verified
from watchdog.database.contents import hashes_for
from watchdog.database.facts import inspect
from watchdog.database.fingerprint import schema_fingerprint
from watchdog.database.measuring import survey
from watchdog.database.names import control_database, verify_name
from watchdog.database.ports import Cluster
from watchdog.database.properties import Properties, read_properties
from watchdog.database.restore import discard_side, reopen_copy, restore_beside
from watchdog.database.standby import stands
from watchdog.errors import Corrupt, Refused, StepFailed, Unreachable, UsageError, WatchdogError
from watchdog.rollback.run import Hands
from watchdog.stack import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = structlog.get_logger(__name__)

Progress = Callable[[str], None]

MIB = 1024**2
WAL_ROOM = 1024 * MIB
"""Bytes: PostgreSQL's default max_wal_size, which a restore may fill beside the copy itself."""
TIDY_WITHIN = 10.0
"""Seconds for dropping the copy: a rollback may be waiting. What is left then, the hourly sweep drops."""


async def verify(backup: Backup, hands: Hands, progress: Progress, *, restore: bool = True) -> Backup:
    """Check the files and, with `restore`, restore and compare; returns the set as it is listed now.

    Raises `Corrupt` for a set that is not what was backed up, which is noted in it: it is no target any more,
    unless another verification succeeds. After any other error the set is what it was before, or checked.
    """
    backup = _once_more(backup)
    try:
        return await _verify(backup, hands, progress, restore)
    except Corrupt as error:
        if damaged(error):
            await asyncio.to_thread(mark_damaged, backup, hands.stack.name, str(error))
        raise


def _once_more(backup: Backup) -> Backup:
    """A set that was found wrong may be tried again: only its own proof makes it usable."""
    if backup.level is not Level.DAMAGED or not backup.has_manifest:
        return backup
    known = not backup.made_by_script or backup.dumps
    return replace(backup, level=Level.COMPLETE if known else Level.UNVERIFIED, problem="")


def damaged(error: Corrupt) -> bool:
    """The set's own fault, and not that its files could not be read just now."""
    return not isinstance(error.__cause__, OSError) or isinstance(error.__cause__, gzip.BadGzipFile)


async def _verify(backup: Backup, hands: Hands, progress: Progress, restore: bool) -> Backup:
    progress(f"reading {len(backup.files)} files, {backup.size_bytes / MIB:.0f} MiB")
    await asyncio.to_thread(check_files, backup)
    if backup.complete:
        backup = await asyncio.to_thread(mark_checked, backup, hands.clock.now())
    if not restore or not hands.stack.databases:
        return backup
    try:
        return await _restored(backup, hands, progress)
    except (StepFailed, Unreachable, Refused) as error:
        known = "checked (its files have their checksums)" if backup.complete else "readable"
        raise type(error)(f"backup {backup.timestamp} is {known} but not verified: {error}") from error


async def _restored(backup: Backup, hands: Hands, progress: Progress) -> Backup:
    databases = _databases(backup, hands)
    if backup.dumps:
        for database in databases:
            await _prove(backup, database, hands, progress)
        return await asyncio.to_thread(mark_verified, backup, hands.clock.now())
    names = [database.name for database in databases]
    files = legacy_dumps_of(backup.directory, backup.timestamp, names)
    dumps = [
        DatabaseDump(d.name, d.server, files[d.name].name, await _account_of(backup, d, hands, progress))
        for d in databases
    ]
    return await asyncio.to_thread(mark_script_verified, backup, hands.stack.name, dumps, hands.clock.now())


def _databases(backup: Backup, hands: Hands) -> list[Database]:
    """What is to be restored: what the set holds; where no manifest tells, all of the stack's."""
    known = {database.name: database for database in hands.stack.databases}
    wanted = [dump.name for dump in backup.dumps] or list(known)
    if strange := [name for name in wanted if name not in known]:
        raise UsageError(
            f"backup {backup.timestamp} holds {', '.join(strange)}, which stack {hands.stack.name} does not "
            "have: name it under `databases` to have it restored, or use --checksums-only"
        )
    return [known[name] for name in wanted]


async def _prove(backup: Backup, database: Database, hands: Hands, progress: Progress) -> None:
    """Restore one database and compare it, unless a copy stands by: its name says that it was proven."""
    cluster = await hands.clusters.of(database, f"verify-{backup.timestamp}")
    if hands.standbys.making == backup.timestamp:
        await hands.standbys.settle(backup.timestamp)
    if await stands(cluster, database.name, backup.timestamp):
        progress(f"a proven copy of {database.name} stands by")
        return
    async with _copy(backup, database, cluster, hands, progress):
        progress(f"{database.name} is what was backed up")


async def _account_of(backup: Backup, database: Database, hands: Hands, progress: Progress) -> Account:
    """What a script's dump holds. A snapshot of the copy would say nothing about the live one."""
    cluster = await hands.clusters.of(database, f"verify-{backup.timestamp}")
    async with _copy(backup, database, cluster, hands, progress) as side:
        progress(f"counting what {side} holds")
        async with cluster.connect(control_database([database.name, side])) as session:
            properties = await read_properties(session, side)
        if properties is None:
            raise StepFailed(f"{side} vanished before it was counted")
        await reopen_copy(cluster, database.name, side)
        async with cluster.connect(side) as session:
            [(size,)] = await session.rows("SELECT pg_database_size(current_database())")
            found = await survey(session, hashes_for(int(size)))
            return Account(
                snapshot="",
                size_bytes=int(size),
                schema_fingerprint=await schema_fingerprint(session),
                properties=asdict(properties),
                contents=found,
            )


@asynccontextmanager
async def _copy(
    backup: Backup, database: Database, cluster: Cluster, hands: Hands, progress: Progress
) -> AsyncIterator[str]:
    """The backup restored beside the live database, compared where it can be, and dropped at the end."""
    live, side = database.name, verify_name(database.name, backup.timestamp)
    await cluster.require_tools()
    await _require_room(backup, database, cluster)
    saved = backup.properties(live)
    try:
        await restore_beside(
            cluster,
            live,
            side,
            partial(open_dump, backup, live),
            clock=hands.clock,
            fmt=backup.format(),
            expected=backup.contents(live),
            saved=Properties.from_mapping(saved) if saved else None,
            progress=progress,
        )
        yield side
    finally:
        await _discard(cluster, live, side, hands)


async def _require_room(backup: Backup, database: Database, cluster: Cluster) -> None:
    facts, free = await inspect(cluster, database.name), await cluster.free_bytes()
    then = backup.dump(database.name).account.size_bytes if backup.dumps else 0
    size = max(then, facts.size_bytes if facts else 0)
    needed = size + min(size, WAL_ROOM)
    if free < needed:
        raise Refused(
            f"a copy of {database.name} and its write-ahead log take about {needed // MIB} MiB,"
            f" and {database.server} has {free // MIB} MiB free; make room on its data volume"
        )


async def _discard(cluster: Cluster, live: str, side: str, hands: Hands) -> None:
    try:
        async with asyncio.timeout(TIDY_WITHIN):
            await discard_side(cluster, live, side, hands.clock)
    except (WatchdogError, TimeoutError) as error:
        log.warning("verified_copy_stays", database=side, reason=str(error))
