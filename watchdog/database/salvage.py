"""Gets at the rows that were displaced: one table at a time, as CSV and as SQL. `put_back` puts them back.

The rows are staged beside the restored ones (see `staging`), told apart there, and copied out as streams.
Nothing is written in either database but temporary tables.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from watchdog.database import sql
from watchdog.database.contents import frozen
from watchdog.database.ports import LONG, Session
from watchdog.database.settling import written_after_swap
from watchdog.database.shape import Shape
from watchdog.database.staging import (
    PATIENT,
    STAGED,
    TABLE,
    Pairing,
    oldest_running,
    stage,
    written_since,
)

Sink = Callable[[str, AsyncIterator[bytes]], Awaitable[None]]
"""Takes a file: its ending after the table's name (`inserted.csv`), and its content."""
Carry = Callable[[Session, "Staged"], Awaitable[None]]
"""Does something more with the staged rows, while they are there."""

_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
PREAMBLE = (
    b"-- Rows that a rollback displaced, as INSERT statements.\n"
    b"SET client_encoding = 'UTF8';\nSET datestyle = 'ISO, YMD';\nSET intervalstyle = 'postgres';\n"
    b"SET timezone = 'UTC';\nSET xmlbinary = 'base64';\nSET lc_monetary = 'C';\n"
)
"""How the values were written; whatever the reading session says otherwise."""
SETTINGS = {**sql.OUTPUT_SETTINGS, **PATIENT, "client_encoding": "UTF8"}


@dataclass(frozen=True, slots=True)
class Staged:
    """What is staged: `columns` of the displaced table, in c0, c1, …; `kind` says what became of a row."""

    shape: Shape
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """How many rows the files hold. `written`: inserted or updated, not told apart."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True)
class Snapshots:
    """`since`: the backup's (empty: every row is looked up). `swapped`: the swap's; see `loss.Reference`."""

    since: str
    swapped: str


async def salvage_table(
    displaced: Session,
    restored: Session,
    pair: Pairing,
    snapshots: Snapshots,
    *,
    exact: bool,
    deleted: bool,
    sink: Sink,
    carry: Carry | None = None,
) -> Salvaged:
    """Inserted and updated rows as `….csv` and `….sql`, the keys of deleted ones as CSV.

    `exact`: no restored row was changed since, so that a row written later under a key of ours is another
    one. `deleted`: look for those too, which needs every key of the table.
    """
    staged = Staged(pair.displaced, written_columns(pair.displaced))
    async with frozen(displaced), restored.transaction():
        await restored.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE")
        await _settle_output(displaced, restored)
        later = await written_after_swap(restored, snapshots.swapped)
        await stage(displaced, restored, pair, await since(displaced, snapshots.since), staged.columns)
        await _tell_apart(restored, pair, later, exact)
        counts = {kind: await _export(restored, staged, kind, sink) for kind in ("inserted", "updated")}
        if carry is not None and counts["inserted"]:
            await carry(restored, staged)
        gone = await _deleted(displaced, restored, pair, later, sink) if deleted else 0
    return Salvaged(counts["inserted"], counts["updated"], gone)


async def salvage_alone(displaced: Session, shape: Shape, snapshot: str, kind: str, sink: Sink) -> int:
    """Rows of a table that has no counterpart, or no key, written since the snapshot (empty: all)."""
    columns = written_columns(shape)
    async with frozen(displaced):
        await _settle_output(displaced)
        condition = await since(displaced, snapshot)
        values = ", ".join(f"t.{sql.identifier(name)}::text AS c{n}" for n, name in enumerate(columns))
        rows = f"(SELECT {values} FROM {shape.source} t WHERE {condition}) s"
        return await _files(displaced, Staged(shape, columns), rows, kind, sink)


async def since(displaced: Session, snapshot: str) -> str:
    """The condition on a displaced row `t`: written since."""
    return await written_since(displaced, oldest_running(snapshot)) if snapshot else "true"


def written_columns(shape: Shape) -> tuple[str, ...]:
    """All but those that the server computes."""
    return tuple(column.name for column in shape.columns if not column.generated)


def headed(columns: Sequence[str]) -> str:
    """The staged columns under their own names."""
    return ", ".join(f"c{number} AS {sql.identifier(name)}" for number, name in enumerate(columns))


def insert_statement(shape: Shape, columns: Sequence[str]) -> str:
    """An expression that gives the INSERT of one staged row; every value a literal of its text."""
    names = ", ".join(sql.identifier(name) for name in columns)
    identity = any(column.identity for column in shape.columns)
    overriding = " OVERRIDING SYSTEM VALUE" if identity else ""
    head = sql.literal(f"INSERT INTO {shape.target} ({names}){overriding} VALUES (")
    values = " || ', ' || ".join(f"quote_nullable(c{number})" for number, _ in enumerate(columns))
    return f"{head} || {values or sql.literal('')} || ');'"


async def _settle_output(*sessions: Session) -> None:
    for session in sessions:
        await session.execute(sql.set_locally(SETTINGS))


async def _tell_apart(restored: Session, pair: Pairing, later: str, exact: bool) -> None:
    """`same`: rewritten only, or back already."""
    other = "inserted" if exact else "updated"
    await restored.execute(f"ALTER TABLE {STAGED} ADD kind text DEFAULT 'inserted'")
    await restored.execute(
        f"UPDATE {STAGED} s SET kind = CASE WHEN s.digest = {pair.digest} THEN 'same'"
        f" WHEN {later} THEN '{other}' ELSE 'updated' END"
        f" FROM {pair.restored.source} t WHERE {pair.match}",
        LONG,
    )


async def _export(restored: Session, staged: Staged, kind: str, sink: Sink) -> int:
    return await _files(restored, staged, f"{STAGED} s WHERE kind = '{kind}'", kind, sink)


async def _files(session: Session, staged: Staged, rows: str, kind: str, sink: Sink) -> int:
    [(count,)] = await session.rows(f"SELECT count(*) FROM {rows}", LONG)
    if not count:
        return 0
    await copy_csv(session, f"SELECT {headed(staged.columns)} FROM {rows}", f"{kind}.csv", sink)
    query = f"SELECT {insert_statement(staged.shape, staged.columns)} FROM {rows}"
    async with aclosing(session.copy_out(f"COPY ({query}) TO STDOUT")) as lines:
        await sink(f"{kind}.sql", _statements(lines))
    return int(count)


async def copy_csv(session: Session, query: str, name: str, sink: Sink) -> None:
    """A query's rows as CSV with a header."""
    async with aclosing(session.copy_out(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)")) as rows:
        await sink(name, rows)


async def _statements(lines: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """COPY's own escapes undone; it ends rows with a newline, so that a statement may have several lines."""
    yield PREAMBLE
    async for block in lines:
        yield _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), block)


async def _deleted(displaced: Session, restored: Session, pair: Pairing, later: str, sink: Sink) -> int:
    """Restored rows from before the swap whose key the displaced table does not have."""
    await restored.execute(f"DROP TABLE pg_temp.{TABLE}")
    await stage(displaced, restored, pair, "true")
    rows = (
        f"{pair.restored.source} t WHERE NOT ({later})"
        f" AND NOT EXISTS (SELECT FROM {STAGED} s WHERE {pair.match})"
    )
    [(count,)] = await restored.rows(f"SELECT count(*) FROM {rows}", LONG)
    if count:
        keys = ", ".join(f"t.{sql.identifier(name)}" for name in pair.key)
        await copy_csv(restored, f"SELECT {keys} FROM {rows}", "deleted.csv", sink)
    return int(count)
