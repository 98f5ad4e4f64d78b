"""The ledger on SQLite: WAL, synchronous=FULL, so that a committed row survives a power failure.

Every record is one row of one table: its keys as columns to select by, the rest as JSON, so that a new field
needs no migration and an older version can still read the state. All statements run on one worker thread,
off the event loop.
"""

from __future__ import annotations

import asyncio
import functools
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from pydantic import TypeAdapter

from watchdog.alert import Alert
from watchdog.alert.alarm import Alarm
from watchdog.deploy.deployment import Deployment
from watchdog.deploy.page import Page
from watchdog.errors import WatchdogError
from watchdog.rollback.displaced import Displaced
from watchdog.rollback.ledger import Audit, Mark, Noted, Record, Seen, Standing, Transition
from watchdog.rollback.operation import Operation, StepRecord
from watchdog.rollback.proposal import Proposal
from watchdog.rollback.suspension import Suspension
from watchdog.stack import Release

T = TypeVar("T")
P = ParamSpec("P")

SCHEMA_VERSION = 1

TABLES: dict[type, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    # record: table, primary key, further columns that are selected by; no key: every row is a new one
    Release: ("releases", ("id",), ("stack", "captured_at", "fingerprint")),
    Mark: ("marks", ("stack", "fingerprint"), ("standing", "at")),
    Deployment: ("deployments", ("id",), ("stack", "started_at")),
    Operation: ("operations", ("id",), ("stack", "started_at")),
    StepRecord: ("steps", ("operation", "step"), ("started_at",)),
    Alert: ("outbox", ("id",), ("stack", "at", "sent_at", "dead")),
    Audit: ("audit", (), ("stack", "at")),
    Transition: ("transitions", (), ("stack", "at")),
    Seen: ("seen", ("stack",), ()),
    Displaced: ("displaced", ("operation", "database"), ("stack", "at")),
    Noted: ("noted", (), ("stack", "deployment", "at")),
    Suspension: ("suspensions", ("stack", "kind"), ()),
    Proposal: ("proposals", ("deployment",), ("stack", "at")),
    Alarm: ("alarms", ("stack", "subject"), ()),
    Page: ("pages", ("stack", "path"), ("gone_at",)),
}

TALLIED: dict[type, str] = {Deployment: "phase", Operation: "outcome"}
TRIMMED: dict[type, str] = {Transition: "json_extract(document, '$.check')", Noted: "stack"}
"""What grows by itself, and of which subject the newest stays however old it is."""


class SqliteLedger:
    """Fulfils `rollback.ledger.Ledger`. Opened lazily; `close` when the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._connection: sqlite3.Connection | None = None

    async def write(self, *records: Record) -> None:
        await self._run(self._write, records)

    async def release(self, release_id: str) -> Release | None:
        return await self._one(Release, "id = ?", release_id)

    async def newest_release(self, stack: str, fingerprint: str | None = None) -> Release | None:
        if fingerprint is None:
            return await self._one(Release, "stack = ? ORDER BY captured_at DESC, rowid DESC", stack)
        condition = "stack = ? AND fingerprint = ? ORDER BY captured_at DESC, rowid DESC"
        return await self._one(Release, condition, stack, fingerprint)

    async def marks(self, stack: str) -> dict[str, Mark]:
        return {mark.fingerprint: mark for mark in await self._all(Mark, "stack = ?", stack)}

    async def last_known_good(self, stack: str) -> Release | None:
        condition = "stack = ? AND standing = ? ORDER BY at DESC, rowid DESC"
        mark = await self._one(Mark, condition, stack, Standing.GOOD.value)
        return await self.newest_release(stack, mark.fingerprint) if mark else None

    async def deployments(self, stack: str, limit: int = 20) -> tuple[Deployment, ...]:
        return await self._newest(Deployment, stack, "started_at", limit)

    async def deployment(self, deployment_id: str) -> Deployment | None:
        return await self._one(Deployment, "id = ?", deployment_id)

    async def operations(self, stack: str, limit: int = 20) -> tuple[Operation, ...]:
        return await self._newest(Operation, stack, "started_at", limit)

    async def operation(self, operation_id: str) -> Operation | None:
        return await self._one(Operation, "id = ?", operation_id)

    async def steps(self, operation_id: str) -> tuple[StepRecord, ...]:
        return await self._all(StepRecord, "operation = ? ORDER BY started_at, rowid", operation_id)

    async def displaced(self, stack: str) -> tuple[Displaced, ...]:
        return await self._all(Displaced, "stack = ? ORDER BY at, operation, database", stack)

    async def seen(self, stack: str) -> Seen | None:
        return await self._one(Seen, "stack = ?", stack)

    async def transitions(self, stack: str, limit: int = 100) -> tuple[Transition, ...]:
        return await self._newest(Transition, stack, "at", limit)

    async def colours(self, stack: str) -> tuple[Transition, ...]:
        check = "json_extract(document, '$.check')"
        newest = f"SELECT max(rowid) FROM transitions WHERE stack = ? GROUP BY {check}"
        return await self._all(Transition, f"rowid IN ({newest})", stack)

    async def audits(self, stack: str, limit: int = 100) -> tuple[Audit, ...]:
        return await self._newest(Audit, stack, "at", limit)

    async def noted(self, stack: str, deployment: str | None = None, limit: int = 200) -> tuple[Noted, ...]:
        if deployment is None:
            return await self._newest(Noted, stack, "at", limit)
        condition = "stack = ? AND deployment = ? ORDER BY at DESC, rowid DESC LIMIT ?"
        return await self._all(Noted, condition, stack, deployment, limit)

    async def suspensions(self, stack: str) -> tuple[Suspension, ...]:
        return await self._all(Suspension, "stack = ?", stack)

    async def proposal(self, deployment: str) -> Proposal | None:
        return await self._one(Proposal, "deployment = ?", deployment)

    async def alarms(self, stack: str) -> tuple[Alarm, ...]:
        return await self._all(Alarm, "stack = ?", stack)

    async def during(
        self, kind: type[T], stack: str, since: datetime, until: datetime, limit: int = 500
    ) -> tuple[T, ...]:
        condition = "stack = ? AND at BETWEEN ? AND ? ORDER BY at, rowid LIMIT ?"
        return await self._all(kind, condition, stack, since.isoformat(), until.isoformat(), limit)

    async def tally(self, kind: type[Deployment] | type[Operation], stack: str) -> dict[str, int]:
        return await self._run(self._tally, kind, stack)

    async def trim(self, stack: str, keep: int) -> int:
        return await self._run(self._trim, stack, keep)

    async def pages(self, stack: str) -> tuple[Page, ...]:
        return await self._all(Page, "stack = ? AND gone_at IS NULL", stack)

    async def pending_alerts(self) -> tuple[Alert, ...]:
        return await self._all(Alert, "sent_at IS NULL AND dead IS NULL ORDER BY at, rowid")

    async def save_alert(self, alert: Alert) -> None:
        await self.write(alert)

    async def close(self) -> None:
        await self._run(self._close)
        self._worker.shutdown()

    async def _one(self, kind: type[T], condition: str, *values: object) -> T | None:
        found = await self._run(self._select, kind, f"{condition} LIMIT 1", values)
        return found[0] if found else None

    async def _all(self, kind: type[T], condition: str, *values: object) -> tuple[T, ...]:
        return tuple(await self._run(self._select, kind, condition, values))

    async def _newest(self, kind: type[T], stack: str, column: str, limit: int) -> tuple[T, ...]:
        condition = f"stack = ? ORDER BY {column} DESC, rowid DESC LIMIT ?"
        return await self._all(kind, condition, stack, limit)

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        call = functools.partial(function, *args, **kwargs)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, call)
        except (sqlite3.Error, OSError) as error:
            raise WatchdogError(
                f"the state in {self._path} cannot be used: {error}; check the disk's free space and that "
                f"this user may write there"
            ) from error

    # Everything below runs on the worker thread.

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _connect(self._path)
        return self._connection

    def _write(self, records: Sequence[Record]) -> None:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            for record in records:
                statement, values = _upsert(record)
                connection.execute(statement, values)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _select(self, kind: type[T], condition: str, values: Sequence[object]) -> list[T]:
        table = TABLES[kind][0]
        rows = self._open().execute(f"SELECT document FROM {table} WHERE {condition}", tuple(values))
        adapter = _adapter(kind)
        return [adapter.validate_json(row[0]) for row in rows]

    def _tally(self, kind: type[Deployment] | type[Operation], stack: str) -> dict[str, int]:
        state = f"json_extract(document, '$.{TALLIED[kind]}')"
        counted = f"SELECT {state}, count(*) FROM {TABLES[kind][0]} WHERE stack = ? GROUP BY 1"
        return dict(self._open().execute(counted, (stack,)).fetchall())

    def _trim(self, stack: str, keep: int) -> int:
        """One statement a table: nothing else has to be undone where it fails."""
        gone = 0
        for kind, subject in TRIMMED.items():
            table = TABLES[kind][0]
            old = f"SELECT rowid FROM {table} WHERE stack = ? ORDER BY at DESC, rowid DESC LIMIT -1 OFFSET ?"
            last = f"SELECT max(rowid) FROM {table} WHERE stack = ? GROUP BY {subject}"
            statement = f"DELETE FROM {table} WHERE rowid IN ({old}) AND rowid NOT IN ({last})"
            gone += self._open().execute(statement, (stack, keep, stack)).rowcount
        return gone

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    connection = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
    try:
        path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _create(connection, path)
    except BaseException:
        connection.close()  # the next attempt must meet the same refusal
        raise
    return connection


def _create(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise WatchdogError(
            f"the state in {path} was written by a newer version (schema {version}, this one knows "
            f"{SCHEMA_VERSION}); install that version again"
        )
    for table, key, columns in TABLES.values():
        listed = ", ".join([*key, *columns, "document NOT NULL"])
        constraint = f", PRIMARY KEY ({', '.join(key)})" if key else ""
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({listed}{constraint})")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _upsert(record: Record) -> tuple[str, list[object]]:
    table, key, others = TABLES[type(record)]
    columns = [*key, *others, "document"]
    values = [_column(getattr(record, name)) for name in (*key, *others)]
    document = _adapter(type(record)).dump_json(record).decode()
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    if key:
        changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
        statement += f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    return statement, [*values, document]


def _column(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    """Built once a kind: building one costs milliseconds."""
    if kind not in ADAPTERS:
        ADAPTERS[kind] = TypeAdapter(kind)
    return ADAPTERS[kind]
