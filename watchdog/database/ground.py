"""Acts on a server before a restore: creates roles that are missing, and stands in for a live database.

Nothing that exists is changed.
"""

from __future__ import annotations

from collections.abc import Collection

from watchdog.clock import Clock
from watchdog.database import sql
from watchdog.database.names import control_database, side_name
from watchdog.database.ports import Cluster
from watchdog.database.properties import Properties, apply_properties, create_like
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
    """Let an empty, fenced database stand for a live one that is gone; whether one was made.

    Every swap displaces something then, by which it is known again. Not where the swap stands already.
    """
    building = side_name(pair.live, timestamp)
    async with cluster.connect(control_database([pair.live, building])) as session:
        if await session.rows(sql.databases_named([pair.live])):
            return False
        await discard_side(cluster, pair.live, building, clock)
        await create_like(session, building, properties)
        await session.execute(sql.allow_connections(building, False))
        await apply_properties(session, building, properties)
        await session.execute(sql.rename_database(building, pair.live))
    return True
