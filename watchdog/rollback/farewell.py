"""The end of a displaced database: dumped at once, proved and dropped when its time is over.

It is never dropped to make room, nor before its account and its dump exist, nor while anything may still need
it. See `aftermath` for the stages before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from watchdog.alert.alert import Alert, Level, alert
from watchdog.backup.displaced_dump import (
    DisplacedDump,
    check_displaced_dump,
    dump_displaced,
    open_displaced_dump,
    read_displaced_dump,
    remove_displaced_dump,
)
from watchdog.clock import timestamp
from watchdog.database.contents import differences
from watchdog.database.displaced import drop_displaced, open_read_only
from watchdog.database.facts import DatabaseFacts, inspect
from watchdog.database.fence import end_backends
from watchdog.database.losses import would_displace
from watchdog.database.measuring import survey
from watchdog.database.names import application_name, verify_name
from watchdog.database.restore import discard_side, restore_beside
from watchdog.errors import Busy, Corrupt, Refused
from watchdog.rollback.aftermath import Care, Done, Server
from watchdog.rollback.displaced import Displaced
from watchdog.rollback.operation import Operation, Outcome


async def dump(care: Care, record: Displaced) -> Done:
    """Into the backup directory, compressed, with an account of its own. Raises `Refused` without room."""
    server = await care.server(record)
    await end_backends(server, application_name(f"aftercare-{record.stack}"))  # what a dead process left
    backup = care.backup(record)
    expected = backup.dump(record.database) if backup and backup.dumps else None
    sizes = {file.name: file.size_bytes for file in backup.files} if backup else {}
    await dump_displaced(
        server,
        record.name,
        operation=record.operation,
        database=record.database,
        service=record.server,
        file=record.dump,
        directory=care.backups.directory,
        at=record.at,
        reserve_bytes=care.backups.disk_reserve,
        expected_bytes=sizes.get(expected.file, 0) if expected else 0,
    )
    return replace(record, dumped_at=care.hands.clock.now()), None


async def prove(care: Care, record: Displaced) -> Done:
    """Restore the dump beside and compare it with its own account: only then the database may go.

    Under the stack's lock, giving way: what a cut proof left is dropped with the other half copies. A dump
    that is damaged is made anew.
    """
    server = await care.server(record)
    side = verify_name(record.database, timestamp(record.at))
    try:
        made = await asyncio.to_thread(read_displaced_dump, care.backups.directory, record.dump)
        await _require_room(server, made)
        await restore_displaced_dump(care, server, record, made, side)
    except Corrupt as error:
        return _anew(care, record, error)
    finally:
        await discard_side(server, record.database, side, care.hands.clock)
    return replace(record, proved_at=care.hands.clock.now()), None


async def restore_displaced_dump(
    care: Care, server: Server, record: Displaced, made: DisplacedDump, side: str
) -> None:
    """Into the new database `side`, compared and fenced."""
    await restore_beside(
        server,
        record.database,
        side,
        lambda: open_displaced_dump(care.backups.directory, made),
        clock=care.hands.clock,
        expected=made.dump.account.contents,
    )


def require_unneeded(operations: Sequence[Operation]) -> None:
    """Raise `Busy` where nothing may be dropped now; `operations` of the stack, newest first.

    One that was refused or aborted changed nothing: a held one before it waits as it did.
    """
    newest = next((o for o in operations if o.outcome not in {Outcome.REFUSED, Outcome.ABORTED}), None)
    if newest is not None and (newest.open or newest.outcome is Outcome.HELD):
        raise Busy(f"rollback {newest.id} is {newest.outcome}: what was displaced may still be needed")


async def drop(care: Care, record: Displaced) -> Done:
    """Under the stack's lock: no operation is at work. Raises `Refused` where a slot follows it.

    Its proof may be some days old: the dump is dumped anew where it is damaged or not all of it any more.
    """
    server = await care.server(record)
    facts = await inspect(server, record.name)
    if facts is not None:
        if facts.logical_slots:
            raise Refused(_slots(record, facts.logical_slots))
        try:
            made = await asyncio.to_thread(check_displaced_dump, care.backups.directory, record.dump)
            if made.dump.name != record.name:
                raise Refused(f"{record.dump} is the dump of {made.dump.name}, not of {record.name}")
            await _require_unwritten(server, facts, made)
        except Corrupt as error:
            return _anew(care, record, error)
        await drop_displaced(server, record.name)
    now = care.hands.clock.now()
    return replace(record, gone_at=now), _dropped(care, record, now)


async def _require_unwritten(server: Server, facts: DatabaseFacts, made: DisplacedDump) -> None:
    """Read-only is a default only, which whoever may connect can set aside."""
    account = made.dump.account
    if not facts.allows_connections:  # an undo that failed fenced it
        await open_read_only(server, facts.name)
    async with server.connect(facts.name) as session:
        written = await would_displace(session, account.snapshot, account.contents.tables)
        if not written:
            return
        counted = account.contents.hashes == "counts"
        if counted or differences(account.contents, await survey(session, account.contents)):
            tables = ", ".join(loss.table for loss in written[:5])
            raise Corrupt(f"somebody wrote in {facts.name} after it was dumped ({tables})")


def _anew(care: Care, record: Displaced, error: Corrupt) -> Done:
    trouble = f"its dump is made anew: {error}"
    title, now = f"the dump of {record.name} is made anew", care.hands.clock.now()
    told = alert(record.stack, Level.WARNING, title, trouble, now)
    return replace(record, dumped_at=None, proved_at=None, trouble=trouble), told


async def forget(care: Care, record: Displaced) -> Done:
    """Remove the dump of one that has been gone for as long as backups are kept."""
    await asyncio.to_thread(remove_displaced_dump, care.backups.directory, record.dump)
    return replace(record, forgotten_at=care.hands.clock.now()), None


def _dropped(care: Care, record: Displaced, now: datetime) -> Alert:
    until = now + care.backups.keep
    text = (
        f"It was displaced by rollback {record.operation}. Its dump {record.dump} was restored and compared"
        f" before; it stays in {care.backups.directory} until {until:%Y-%m-%d}, and 'ops-watchdog incidents"
        f" salvage {record.operation}' still gets at its rows."
    )
    return alert(record.stack, Level.INFO, f"displaced database {record.name} dropped", text, now)


async def _require_room(server: Server, made: DisplacedDump) -> None:
    free, needed = await server.free_bytes(), made.dump.account.size_bytes
    if free < needed:
        raise Refused(
            f"proving its dump needs {needed // 1024**2} MiB on the server's data volume and"
            f" {free // 1024**2} MiB are free; make room there, so that it can be dropped"
        )


def _slots(record: Displaced, slots: tuple[str, ...]) -> str:
    """Dropping somebody's slot is not ours to do; it holds the server's WAL as long as it is there."""
    commands = "; ".join(f"SELECT pg_drop_replication_slot('{slot}')" for slot in slots)
    return (
        f"the replication slot {', '.join(slots)} still follows {record.name} and holds WAL; if nobody reads"
        f" from it any more, run: {commands}"
    )
