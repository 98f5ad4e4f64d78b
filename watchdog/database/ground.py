"""Acts on a server before a restore: creates roles that are missing, and stands in for a live database.

Nothing that exists is changed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from watchdog.clock import Clock
from watchdog.database import sql
from watchdog.database.names import control_database, side_name
from watchdog.database.ports import Cluster
from watchdog.database.properties import (
    STAND_IN,
    Properties,
    apply_properties,
    create_like,
    read_properties,
)
from watchdog.database.restore import discard_side
from watchdog.database.roles import missing_roles, statements_for
from watchdog.database.swap import Swap
from watchdog.errors import StepFailed


async def create_missing_roles(
    cluster: Cluster, globals_text: str, fenced: Collection[str] = ()
) -> tuple[str, ...]:
    """The names of those created, all or none. Raises `StepFailed`, which says nothing of their passwords.

    `fenced`: as in `end_backends`.
    """
    async with cluster.connect(control_database(fenced)) as session:
        existing = {str(name) for (name,) in await session.rows("SELECT rolname FROM pg_roles")}
        missing = missing_roles(globals_text, existing)
        try:
            async with session.transaction():
                for statement in statements_for(globals_text, missing):
                    await session.execute(statement)
        except StepFailed:
            raise StepFailed(
                f"the roles {', '.join(missing)}, which the backup knows, are missing and could not be "
                f"created by {cluster.user}; create them with the set's globals file"
            ) from None
    return missing


async def make_placeholder(
    cluster: Cluster, pair: Swap, timestamp: str, properties: Properties, clock: Clock
) -> bool:
    """Let an empty, fenced database stand for a live one that is gone; whether one does, now or displaced.

    Every swap displaces something then, by which it is known again. A comment tells the next process, which
    finds a database there, that it is empty.
    """
    building, comment = side_name(pair.live, timestamp), f"{STAND_IN} {pair.displaced}"
    async with cluster.connect(control_database([pair.live, building])) as session:
        former = [await read_properties(session, name) for name in (pair.live, pair.displaced)]
        if former[0] is not None:
            return any(found is not None and found.comment == comment for found in former)
        await discard_side(cluster, pair.live, building, clock)
        await create_like(session, building, properties)
        await apply_properties(session, building, replace(properties, comment=comment))
        await session.execute(sql.rename_database(building, pair.live))
    return True
