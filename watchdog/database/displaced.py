"""Opens the displaced database after a rollback, for reading only; drops it when its time is over."""

from __future__ import annotations

from watchdog.database import sql
from watchdog.database.names import control_database, is_displaced
from watchdog.database.ports import LONG, Cluster
from watchdog.database.properties import read_properties
from watchdog.errors import Refused, StepFailed


async def open_read_only(cluster: Cluster, displaced: str) -> None:
    """Let our own role (and superusers) in, everybody else not, and make transactions read-only by default.

    Repeating is harmless. The undo gives the database its rights and settings back with `apply_properties`,
    from those of the live one. Raises `StepFailed` where no such database exists.
    """
    name = sql.identifier(displaced)
    async with cluster.connect(control_database([displaced])) as session:
        properties = await read_properties(session, displaced)
        if properties is None:
            raise StepFailed(f"the displaced database {displaced} does not exist")
        granted = {grant.grantee for grant in properties.grants or ()} - {""}
        async with session.transaction():
            await session.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            await session.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
            for role in sorted({*granted, properties.owner} - {cluster.user}):
                await session.execute(f"REVOKE CONNECT ON DATABASE {name} FROM {sql.identifier(role)}")
            await session.execute(f"GRANT CONNECT ON DATABASE {name} TO {sql.identifier(cluster.user)}")
        await session.execute(sql.allow_connections(displaced, True))


async def drop_displaced(cluster: Cluster, displaced: str) -> None:
    """Drop one that was displaced, never any other. Gone already is fine; nobody's session is ended for it:
    raises `InUse` while somebody reads."""
    if not is_displaced(displaced):
        raise Refused(f"{displaced!r} is not the name of a displaced database; no other one is dropped")
    async with cluster.connect(control_database([displaced])) as session:
        await session.execute(sql.drop_database(displaced), LONG)
