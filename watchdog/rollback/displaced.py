"""A displaced database from the swap to its end: what the ledger keeps of it, and what is due next. Pure.

`aftermath` and `farewell` carry the stages out; the daemon asks for them after a rollback, at start, hourly.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from watchdog.backup.displaced_dump import displaced_dump_name
from watchdog.clock import timestamp
from watchdog.rollback.operation import Operation, Outcome, StepRecord


class Stage(StrEnum):
    """What is done with it, in this order. Each is safe to repeat."""

    OPEN = "open"
    ACCOUNT = "account"
    DUMP = "dump"
    PROVE = "prove"
    DROP = "drop"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Displaced:
    """One database that a rollback (or an undo) displaced. A stage that is done has its moment here.

    Attributes:
        operation, database: Which rollback, and the live name.
        name: Under which it stays on `server`.
        backup: The timestamp of what was restored in its place; after an undo, of what it had itself been
            restored from.
        swapped: `pg_current_snapshot()` of that moment; empty where it is not known.
        since: After an undo, the same of the moment at which this database itself had been swapped in.
        dump: The file's name in the backup directory.
        gone_at: When it was dropped, or found missing: an undo brought it back, or a person dropped it.
        forgotten_at: When its dump was removed.
        trouble: What stands in the way of the next stage; told once.
    """

    operation: str
    database: str
    name: str
    stack: str
    server: str
    at: datetime
    backup: str | None = None
    swapped: str = ""
    since: str = ""
    dump: str = ""
    opened_at: datetime | None = None
    accounted_at: datetime | None = None
    dumped_at: datetime | None = None
    proved_at: datetime | None = None
    gone_at: datetime | None = None
    forgotten_at: datetime | None = None
    trouble: str = ""


def due(record: Displaced, now: datetime, keep: timedelta, keep_dump: timedelta) -> Stage | None:
    """The next stage; None where nothing is to be done now.

    `keep`: how long it stays at least; it also stays until account and dump exist. `keep_dump`: how long the
    dump stays after it is gone.
    """
    if record.gone_at is not None:
        over = record.dump and record.forgotten_at is None and now - record.gone_at >= keep_dump
        return Stage.FORGET if over else None
    for stage, done in (
        (Stage.OPEN, record.opened_at),
        (Stage.ACCOUNT, record.accounted_at),
        (Stage.DUMP, record.dumped_at),
    ):
        if done is None:
            return stage
    if now - record.at < keep:
        return None
    return Stage.DROP if record.proved_at else Stage.PROVE


def still_needed(record: Displaced) -> bool:
    """Whether its rows can still be got at, from itself or from its dump."""
    return record.forgotten_at is None and (record.gone_at is None or record.dumped_at is not None)


def taken_back(record: Displaced, operations: Iterable[Operation]) -> Operation | None:
    """The undo that brought it back, or began to; what it held is live again then."""
    for operation in operations:
        acted = operation.outcome in {Outcome.SUCCEEDED, Outcome.HELD}
        if acted and operation.returning.get(record.database) == record.name:
            return operation
    return None


def why_not_put_back(record: Displaced, operations: Sequence[Operation]) -> str:
    """Why its rows may be had as files only; empty where they may be put back into the live database.

    There, a row that is missing must be one that was lost. `operations` of the stack, newest first.
    """
    own = next((o for o in operations if o.id == record.operation), None)
    if own is None or own.undoes is not None:
        return (
            f"what {record.operation} displaced had been restored from a backup and used since: which of its"
            f" rows are lost, and which came back with the undo, cannot be told apart surely enough to write"
            f" them; take them from the files (without --apply)"
        )
    if (undo := taken_back(record, operations)) is not None:
        return (
            f"rollback {record.operation} was undone by {undo.id}: what it displaced came back, so that a row"
            f" which is missing now was deleted since; to have a look at them leave --apply out"
        )
    return ""


def newly_displaced(
    operations: Iterable[Operation],
    journal: Mapping[str, Sequence[StepRecord]],
    known: Collection[tuple[str, str]],
    servers: Mapping[str, str],
) -> list[Displaced]:
    """A record for each swap that ended rollbacks made and nobody cares for yet.

    `known`: operation and database of those that have one; `servers`: where the stack's databases are.
    """
    found = []
    every = {operation.id: operation for operation in operations}
    for operation in every.values():
        undone = every.get(operation.undoes or "")
        steps = journal.get(operation.id, ())
        for database, name in swapped_by(operation, steps).items():
            if (operation.id, database) not in known and database in servers:
                record = _record(operation, steps, database, name, servers)
                found.append(_returned(record, undone, journal) if undone else record)
    return found


def swapped_by(operation: Operation, steps: Sequence[StepRecord]) -> dict[str, str]:
    """Live names to displaced ones. A held rollback may have swapped some: those that exist were."""
    if operation.open or operation.outcome is Outcome.REFUSED:
        return {}
    planned = {}
    if operation.outcome is Outcome.HELD:
        names = _fact(steps, "databases")
        planned = {database: entry["displaced"] for database, entry in names.items()}
    return {**planned, **_fact(steps, "displaced")}


def _record(
    operation: Operation,
    steps: Sequence[StepRecord],
    database: str,
    name: str,
    servers: Mapping[str, str],
) -> Displaced:
    several = database if len(servers) > 1 else None
    return Displaced(
        operation=operation.id,
        database=database,
        name=name,
        stack=operation.stack,
        server=servers[database],
        at=operation.ended_at or operation.started_at,
        backup=operation.backup,
        swapped=_fact(steps, "moments").get(database, ""),
        dump=displaced_dump_name(timestamp(operation.started_at), several),
    )


def _returned(record: Displaced, undone: Operation, journal: Mapping[str, Sequence[StepRecord]]) -> Displaced:
    """What an undo displaced is what the operation that it undoes had swapped in."""
    since = _fact(journal.get(undone.id, ()), "moments").get(record.database, "")
    return replace(record, backup=undone.backup if since else None, since=since)


def _fact(steps: Sequence[StepRecord], name: str) -> dict[str, Any]:
    """Of whichever step found it out."""
    return {key: value for step in steps for key, value in step.facts.get(name, {}).items()}
