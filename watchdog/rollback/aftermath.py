"""What follows from a swap, off the rollback's path: the displaced database is opened and accounted for.

The daemon's aftercare runs the stages of `displaced.Stage`; `farewell` has the later ones. Each returns the
record as it is then, and what people are to hear of it: both are written together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import structlog

from watchdog.alert.alert import Alert, Level, alert
from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import catalogue
from watchdog.backup.policy import BackupPolicy
from watchdog.backup.ports import Dumper
from watchdog.clock import Deadline
from watchdog.database import loss as database_loss
from watchdog.database import losses, sql
from watchdog.database.contents import frozen
from watchdog.database.displaced import open_read_only
from watchdog.database.loss import Reference
from watchdog.database.measuring import measure
from watchdog.database.names import control_database
from watchdog.database.ports import Cluster, Session
from watchdog.database.staging import next_to_come
from watchdog.errors import Refused, WatchdogError
from watchdog.incident.incident import tell_loss
from watchdog.incident.loss import DatabaseLoss, TableLoss, lines, total
from watchdog.rollback.displaced import Displaced
from watchdog.rollback.run import Hands
from watchdog.stack import Database

log = structlog.get_logger(__name__)

ACCOUNT_WITHIN = timedelta(minutes=15)
"""5 M rows take a second, 5 M rewritten ones half a minute; what is left then is counted, not compared."""
TOLD = 15
"""Tables in the alert; the incident has all of them."""

Done = tuple[Displaced, Alert | None]


class Server(Cluster, Dumper, Protocol):
    """A database server that can be asked and dumped."""


class Servers(Protocol):
    """Finds the server of a database. Raises `Unreachable`; `operation` names the sessions opened."""

    async def of(self, database: Database, operation: str = "") -> Server: ...


@dataclass(frozen=True, slots=True)
class Care:
    """What is needed to care for a stack's displaced databases. `keep`: how long each stays at least."""

    hands: Hands
    servers: Servers
    backups: BackupPolicy
    keep: timedelta

    async def server(self, record: Displaced) -> Server:
        """Raises `Refused` where the stack has that database no longer."""
        for database in self.hands.stack.databases:
            if database.name == record.database:
                return await self.servers.of(database, f"aftercare-{record.stack}")
        raise Refused(
            f"the configuration of {record.stack} has no database {record.database} any more, so nobody cares"
            f" for {record.name} on {record.server}; drop it by hand when it is no longer needed"
        )

    def backup(self, record: Displaced) -> Backup | None:
        """What was restored in its place, if it is still there."""
        sets = catalogue(self.backups.directory) if record.backup else ()
        return next((backup for backup in sets if backup.timestamp == record.backup), None)


async def exists(server: Cluster, record: Displaced) -> bool:
    """Whether it still stands under its displaced name: an undo, or a person, may have taken it away."""
    async with server.connect(control_database([record.database, record.name])) as session:
        return bool(await session.rows(sql.databases_named([record.name])))


async def open_for_reading(care: Care, record: Displaced) -> Done:
    """Under the stack's lock: an undo would make it writable at the same time."""
    await open_read_only(await care.server(record), record.name)
    return replace(record, opened_at=care.hands.clock.now()), None


async def account(care: Care, record: Displaced) -> Done:
    """Tell what was lost: in the incident, and in an alert of its own."""
    loss = await _loss(care, record)
    try:
        await asyncio.to_thread(tell_loss, care.hands.incident_directory, record.operation, loss)
    except (OSError, WatchdogError) as error:  # the alert tells it all the same
        log.warning("loss_not_in_incident", operation=record.operation, reason=str(error))
    return replace(record, accounted_at=loss.accounted_at), told(record, loss)


def told(record: Displaced, loss: DatabaseLoss) -> Alert:
    """Figures per table, where the rows are, and how to get at them."""
    title = f"rollback {record.operation}: what was displaced from {record.database}"
    something = bool(loss.tables or loss.note)
    parts = [
        loss.note or f"Only in {record.name} on {record.server}, read-only: {total(loss)}.",
        *lines(loss.tables, TOLD),
    ]
    if something:
        words = f"{record.operation} --stack {record.stack}"
        parts.append(f"To get at the rows: ops-watchdog incidents salvage {words}")
    level = Level.WARNING if something else Level.INFO
    return alert(record.stack, level, title, "\n".join(parts), loss.accounted_at)


async def _loss(care: Care, record: Displaced) -> DatabaseLoss:
    backup, server = care.backup(record), await care.server(record)
    found: Sequence[database_loss.TableLoss] = ()
    note = ""
    async with server.connect(record.name) as displaced, server.connect(record.database) as restored:
        if backup is None:
            note = f"there is no account to compare it with (backup {record.backup or 'none'})."
        elif record.since:
            reference = await measure_of(record, backup, displaced, restored)
            found = await losses.would_displace(displaced, reference.snapshot, reference.tables)
        else:
            deadline = Deadline(care.hands.clock, ACCOUNT_WITHIN)
            reference = await measure_of(record, backup, displaced, restored)
            found = await losses.account(displaced, restored, reference, deadline)
    tables = tuple(_told(table) for table in found)
    return DatabaseLoss(record.database, record.name, care.hands.clock.now(), tables, note)


async def measure_of(
    record: Displaced, backup: Backup | None, displaced: Session, restored: Session
) -> Reference:
    """What the displaced database is measured against.

    A script's set has no account: then all rows are compared with those that were restored. What an undo
    displaced was a copy of the backup from the moment on at which it was swapped in.
    """
    if backup is None or not backup.dumps:
        async with frozen(restored):
            return Reference("", await measure(restored, "counts"))
    kept = backup.dump(record.database).account
    if record.since:
        first = next_to_come(record.since)
        return Reference(f"{first}:{first}:", kept.contents.tables, record.swapped)
    same = not kept.origin or kept.origin == await losses.origin(displaced)
    return Reference(kept.snapshot if same else "", kept.contents.tables, record.swapped)


def _told(loss: database_loss.TableLoss) -> TableLoss:
    known = (loss.inserted, loss.updated, loss.deleted)
    return TableLoss(loss.table, *known, written=loss.written, net=loss.net, note=loss.note)
