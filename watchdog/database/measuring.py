"""Counts and hashes every table: of the original under the dump's snapshot, of a copy after its restore.

The copy is measured as the original was, table by table: its account names how.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from watchdog.database import sql
from watchdog.database.contents import (
    LARGE_OBJECTS,
    Hashes,
    frozen,
    sequences,
    server_version,
)
from watchdog.database.hashing import RECORD_SINCE, SAMPLE, Method, measured, method_of
from watchdog.database.ports import LONG, Session
from watchdog.database.shape import Shape, shapes
from watchdog.stack import Contents, TableCount

AT_ONCE = 50
"""Tables a statement: 4,000 of them are measured in a second instead of ten."""
SMALL_BYTES = 8 * 1024**2
"""Hashed whole where larger ones are sampled: not felt, and often what matters most (settings, rights)."""
_SIZES = f"""\
SELECT l.nspname::text, l.relname::text, pg_table_size(c.oid)
  FROM ({sql.TABLES}) l
  JOIN pg_namespace n ON n.nspname = l.nspname
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = l.relname"""


async def survey(session: Session, hashes: Hashes | Contents) -> Contents:
    """Everything `differences` compares, of the database that the session is connected to."""
    async with frozen(session):
        return Contents(
            await server_version(session), await measure(session, hashes), await sequences(session)
        )


async def measure(session: Session, hashes: Hashes | Contents) -> dict[str, TableCount]:
    """Count (and hash) every table, or as another account of it was measured; call inside `frozen`.

    Materialized views, being derived, are left out. Of another major version, rows are only counted.
    """
    found = await shapes(session)
    if isinstance(hashes, str):
        methods = await _methods(session, found, hashes)
    else:
        methods = await _methods_of(session, hashes)
    tables = await _count(session, list(found.values()), methods)
    [(large_objects,)] = await session.rows(sql.LARGE_OBJECTS)
    if large_objects:
        tables[LARGE_OBJECTS] = TableCount(int(large_objects))
    return tables


async def _methods(session: Session, found: Mapping[str, Shape], hashes: Hashes) -> dict[str, Method]:
    if hashes == "counts":
        return {}
    whole = Method("record" if await server_version(session) >= RECORD_SINCE else "text")
    if hashes == "full":
        return dict.fromkeys(found, whole)
    sizes = {(schema, name): int(size) for schema, name, size in await session.rows(_SIZES, LONG)}
    small = {name for name, shape in found.items() if sizes[shape.schema, shape.name] < SMALL_BYTES}
    keyed = {name for name, shape in found.items() if shape.keys}
    return {**dict.fromkeys(keyed, replace(whole, part=SAMPLE)), **dict.fromkeys(small, whole)}


async def _methods_of(session: Session, account: Contents) -> dict[str, Method]:
    if await server_version(session) // 10000 != account.server_version // 10000:
        return {}
    tables = account.tables.items()
    return {name: method_of(table.told) for name, table in tables if table.told is not None}


async def _count(
    session: Session, tables: Sequence[Shape], methods: Mapping[str, Method]
) -> dict[str, TableCount]:
    """In batches, each undone to give its locks back: those of 4,000 tables and indexes are too many."""
    counted = {}
    left = iter(tables)
    await session.execute("SAVEPOINT measuring")
    while batch := list(islice(left, AT_ONCE)):
        statements = (measured(shape, methods.get(shape.qualified)) for shape in batch)
        for number, rows, total in await session.rows(_numbered(statements), LONG):
            name = batch[number].qualified
            digest = None if total is None else f"{methods[name]}:{total}"
            counted[name] = TableCount(int(rows), digest=digest)
        await session.execute("ROLLBACK TO SAVEPOINT measuring")
    return counted


def _numbered(statements: Iterable[str]) -> str:
    return " UNION ALL ".join(f"SELECT {n}, m.* FROM ({s}) m" for n, s in enumerate(statements))
