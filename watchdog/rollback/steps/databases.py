"""What the databases of a stack say to a swap: what stands in its way, and the names that it gives.

Asked by the steps, by `status` and by the plan's printout.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from watchdog.backup.backup import Backup
from watchdog.backup.displaced_dump import displaced_dump_name
from watchdog.clock import timestamp
from watchdog.database import sql
from watchdog.database.facts import DatabaseFacts, blockers, inspect, room
from watchdog.database.leftovers import find_copies, spared
from watchdog.database.names import control_database, displaced_name, standby_name
from watchdog.database.offer import unmet
from watchdog.database.ports import Cluster
from watchdog.database.swap import Swap
from watchdog.rollback.run import Hands, Run
from watchdog.stack import Database

TIMESTAMP_SHAPE = "YYYYMMDD_HHMMSS"
"""What every displaced database's name ends with: its rollback's moment."""


async def obstacles(hands: Hands, operation: str, backup: Backup | None = None) -> tuple[str, ...]:
    """Everything that stands against a restore of the stack's databases now, each with its remedy.

    `backup`: what would be restored; a database that is gone can be made anew where it says how. Raises
    `Unreachable` where a server is down.
    """
    found: list[str] = []
    inside = await addresses(hands)
    together: dict[str, list[DatabaseFacts]] = {}
    there: dict[str, int] = {}
    for database in hands.stack.databases:
        cluster = await hands.clusters.of(database, operation)
        await cluster.require_tools()
        facts = await inspect(cluster, database.name, inside)
        if facts is None:
            found += [] if _restorable(backup, database) else [_gone(database)]
            continue
        free, gained = await cluster.free_bytes(), await _gained(cluster, facts, backup)
        there[database.server] = there.get(database.server, free) + gained
        found += blockers(facts, free + gained)
        found += await unmet(cluster, facts, backup.demands(database.name) if backup else None)
        together.setdefault(database.server, []).append(facts)
    return (*found, *(line for server, facts in together.items() for line in room(facts, there[server])))


async def _gained(cluster: Cluster, facts: DatabaseFacts, backup: Backup | None) -> int:
    """Bytes that count as free beside this database, thanks to a copy that stands by."""
    copies = await find_copies(cluster, facts.name)
    return spared(copies, backup.timestamp if backup else None, facts.size_bytes)


async def obstacles_to_return(run: Run) -> tuple[str, ...]:
    """As `obstacles`, for displaced databases that come back: nothing is copied, so no room is needed."""
    found: list[str] = []
    inside = await addresses(run.hands)
    for database in run.stack.databases:
        if (returning := run.operation.returning.get(database.name)) is None:
            continue
        cluster = await run.hands.clusters.of(database, run.operation.id)
        for name in (database.name, returning):
            facts = await inspect(cluster, name, inside)
            found += [_missing(run, name, database)] if facts is None else blockers(facts, facts.size_bytes)
    return tuple(found)


async def fenced(run: Run) -> list[str]:
    """The live databases that let nobody in: an earlier rollback was held, and nothing fits them yet."""
    found: list[str] = []
    for database in run.stack.databases:
        cluster = await cluster_of(run, database)
        async with cluster.connect(control_database([database.name])) as session:
            rows = await session.rows(sql.databases_named([database.name]))
        found += [str(name) for name, open_to_all in rows if not open_to_all]
    return found


def fenced_before(run: Run) -> frozenset[str]:
    """As the preflight found them; none in a journal of an older version."""
    return frozenset(run.facts["preflight"].get("fenced", ()))


async def addresses(hands: Hands) -> Collection[str]:
    """Of the stack's own containers: whoever else is connected comes from outside."""
    containers = await hands.engine.containers(hands.stack.project)
    return [address for container in containers for address in container.addresses]


def copies(run: Run) -> dict[str, dict[str, str]]:
    """Database to the names that its copies will have: fixed at preflight, so that a repeat uses the same."""
    moment = timestamp(run.operation.started_at)
    sides = dict(run.operation.returning)
    if run.backup is not None:
        sides = {d.name: standby_name(d.name, run.backup.timestamp) for d in run.stack.databases}
    return {name: {"side": side, "displaced": displaced_name(name, moment)} for name, side in sides.items()}


def pairs(run: Run) -> dict[Database, Swap]:
    """What is exchanged, by the names in the preflight's facts."""
    names: dict[str, Any] = run.facts["preflight"]["databases"]
    return {
        d: Swap(d.name, names[d.name]["side"], names[d.name]["displaced"])
        for d in run.stack.databases
        if d.name in names
    }


async def cluster_of(run: Run, database: Database) -> Cluster:
    """Its sessions carry the operation's name, by which the next process ends those that were left."""
    return await run.hands.clusters.of(database, run.operation.id)


def _restorable(backup: Backup | None, database: Database) -> bool:
    return backup is not None and backup.properties(database.name) is not None


def _gone(database: Database) -> str:
    return f"database {database.name} does not exist on {database.server}"


def _missing(run: Run, name: str, database: Database) -> str:
    if name == database.name:
        return _gone(database)
    several = database.name if len(run.stack.databases) > 1 else None
    dump = displaced_dump_name(name[-len(TIMESTAMP_SHAPE) :], several)
    return (
        f"database {name}, which would come back, does not exist on {database.server} any more; its rows are "
        f"in {dump} beside the backups, where it was dumped before it was dropped"
    )
