"""What a rollback cost: per table the rows inserted, updated and deleted since the backup. Decides nothing.

A row's `xmin` tells whether it was written since the backup's snapshot; that finds too many rewritten rows
rather than too few, so each hit is looked up by its key in the restored copy. `account` runs after a rollback
on the displaced database, `would_displace` before one on the live database alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from watchdog.clock import Deadline
from watchdog.database import sql
from watchdog.database.contents import LARGE_OBJECTS, frozen
from watchdog.database.loss import Reference, TableLoss
from watchdog.database.names import control_database
from watchdog.database.ports import LONG, Cluster, Session
from watchdog.database.settling import Settler
from watchdog.database.shape import Shape, shapes
from watchdog.database.staging import oldest_running, written_since
from watchdog.stack import TableCount

AT_ONCE = 50
"""Tables counted by one statement: a round trip for each of 4,000 takes longer than counting them."""


async def account(
    displaced: Session, restored: Session, reference: Reference, deadline: Deadline
) -> tuple[TableLoss, ...]:
    """Every table of which something was lost, by name; what the deadline leaves unsettled says so.

    Writes nothing but a temporary table in the restored database. Raises `Unreachable` or `StepFailed`.
    """
    async with frozen(displaced):
        tables = await shapes(displaced)
        since = await _since(displaced, reference.snapshot)
        settler = Settler(displaced, restored, await _shapes_of(restored), reference, since, deadline)
        hits = await _hits(displaced, tables, reference.tables, since)
        found = [await settler.settle(loss, tables.get(loss.table)) for loss in hits]
    return tuple(loss for loss in found if not loss.nothing)


async def would_displace(
    live: Session, snapshot: str, tables: Mapping[str, TableCount]
) -> tuple[TableLoss, ...]:
    """What each table would lose by going back, from the live database and the backup's account alone.

    `written` is what a row's own transaction number tells, at most; `inserted`, `updated` and `deleted` are
    None, since only the restored copy could tell them apart: `net` is known.
    """
    async with frozen(live):
        found = await _hits(live, await shapes(live), tables, await _since(live, snapshot))
    unknown = (replace(loss, inserted=None, updated=None, deleted=None) for loss in found)
    return tuple(loss for loss in unknown if loss.written or loss.net)


async def origin(session: Session) -> str:
    """Which database of which cluster this is, whatever its name: a restored copy is another one."""
    [(identity,)] = await session.rows(
        "SELECT system_identifier || '.' || oid FROM pg_control_system(), pg_database"
        " WHERE datname = current_database()"
    )
    return str(identity)


async def moment(cluster: Cluster, databases: Collection[str]) -> str:
    """`pg_current_snapshot()` of the cluster, asked for while these databases are fenced: what is written in
    them later has a later number."""
    async with cluster.connect(control_database(databases)) as session:
        [(snapshot,)] = await session.rows("SELECT pg_current_snapshot()::text")
    return str(snapshot)


async def _shapes_of(session: Session) -> dict[str, Shape]:
    async with session.transaction():
        await session.execute(sql.set_locally(sql.OUTPUT_SETTINGS))
        return await shapes(session)


async def _since(session: Session, snapshot: str) -> str:
    return await written_since(session, oldest_running(snapshot)) if snapshot else "true"


async def _hits(
    session: Session, tables: Mapping[str, Shape], then: Mapping[str, TableCount], since: str
) -> list[TableLoss]:
    """Rows now, and those written since, of every table; tables that are gone, and large objects, too."""
    counts: dict[str, tuple[int, int]] = {}
    names = sorted(tables)
    for begin in range(0, len(names), AT_ONCE):
        part = names[begin : begin + AT_ONCE]
        queries = (_count(number, tables[name], since) for number, name in enumerate(part))
        for number, rows, hits in await session.rows(" UNION ALL ".join(queries), LONG):
            counts[part[number]] = (int(rows), int(hits))
    losses = [_loss(name, then.get(name), *counts[name]) for name in names]
    gone = sorted(then.keys() - tables.keys() - {LARGE_OBJECTS})
    losses += [_gone(name, then[name].rows) for name in gone]
    return [*losses, *await _large_objects(session, then)]


def _count(number: int, table: Shape, since: str) -> str:
    hits = "count(*)" if since == "true" else f"count(*) FILTER (WHERE {since})"
    return f"SELECT {number}, count(*), {hits} FROM {table.source} t"


def _loss(name: str, then: TableCount | None, now: int, hits: int) -> TableLoss:
    if then is None:
        note = "a table that the backup does not have"
        return TableLoss(name, None, now, now, inserted=now, note=note)
    return TableLoss(name, then.rows, now, hits, deleted=then.rows - now)


def _gone(name: str, rows: int) -> TableLoss:
    return TableLoss(name, rows, None, deleted=rows, note="dropped, with its rows of then")


async def _large_objects(session: Session, then: Mapping[str, TableCount]) -> list[TableLoss]:
    """Their content belongs to no table: only their number is compared."""
    [(now,)] = await session.rows(sql.LARGE_OBJECTS)
    before = then[LARGE_OBJECTS].rows if LARGE_OBJECTS in then else 0
    if int(now) == before:
        return []
    note = "only their number is known"
    return [TableLoss(LARGE_OBJECTS, before, int(now), inserted=None, updated=None, deleted=None, note=note)]
