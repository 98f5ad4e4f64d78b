"""What a database holds, per table, so that a restored copy can be compared with the original.

Measured under the dump's own snapshot by the backup, and again on the side database after the restore.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from watchdog.database import sql
from watchdog.database.ports import Session
from watchdog.stack import Contents

Hashes = Literal["full", "sampled", "counts"]
"""Of every row; of one in 64 and of small tables whole; of none."""

FULL_HASHES_BELOW_BYTES = 8 * 1024**3
"""An estimate from what hashing costs at 700 MB (`make bench-database`): no larger database was tried.

A restored copy is hashed once more.
"""
SAMPLES_BELOW_BYTES = 256 * 1024**3
"""An estimate too: a sample reads every row's key, which counting alone would not."""
LARGE_OBJECTS = "(large objects)"


def hashes_for(size_bytes: int) -> Hashes:
    """How much of a database of this size is hashed, where nobody chose."""
    if size_bytes < FULL_HASHES_BELOW_BYTES:
        return "full"
    return "sampled" if size_bytes < SAMPLES_BELOW_BYTES else "counts"


@asynccontextmanager
async def frozen(session: Session) -> AsyncIterator[str]:
    """A read-only transaction with one snapshot and fixed output settings; yields the exported snapshot."""
    async with session.transaction():
        await session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        await session.execute(sql.set_locally(sql.OUTPUT_SETTINGS))
        [(snapshot,)] = await session.rows("SELECT pg_export_snapshot()")
        yield str(snapshot)


async def server_version(session: Session) -> int:
    [(version,)] = await session.rows("SELECT current_setting('server_version_num')")
    return int(version)


async def sequences(session: Session) -> dict[str, int]:
    """Read before the dump starts: sequences obey no snapshot, so the dump's values are these or higher."""
    return {qualified(schema, name): int(value) for schema, name, value in await session.rows(sql.SEQUENCES)}


def differences(expected: Contents, found: Contents) -> tuple[str, ...]:
    """A sentence for each table or sequence that is not as expected; empty where all is.

    Hashes are compared only within one major version: the text of a row may differ between two.
    """
    same_major = expected.server_version // 10000 == found.server_version // 10000
    faults = [
        f"{name}: not in the dump's own account" for name in found.tables.keys() - expected.tables.keys()
    ]
    for name, table in expected.tables.items():
        restored = found.tables.get(name)
        if restored is None:
            faults.append(f"{name}: missing")
        elif restored.rows != table.rows:
            faults.append(f"{name}: {restored.rows} rows instead of {table.rows}")
        elif same_major and table.told not in (None, restored.told):
            faults.append(f"{name}: same number of rows, other content")
    faults += [
        f"sequence {name}: at {found.sequences.get(name)} instead of at least {value}"
        for name, value in expected.sequences.items()
        if (restored_value := found.sequences.get(name)) is None or restored_value < value
    ]
    return tuple(sorted(faults))


def qualified(schema: str, name: str) -> str:
    """`public.orders`, quoted only where SQL wants it."""
    return ".".join(part if _plain(part) else sql.identifier(part) for part in (schema, name))


def _plain(name: str) -> bool:
    return name.isascii() and name.isidentifier() and name == name.lower()
