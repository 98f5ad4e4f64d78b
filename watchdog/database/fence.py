"""Keeps everybody out of a database and lets them in again; the swap, the restore and recovery use it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from watchdog.clock import Clock, Deadline
from watchdog.database import sql
from watchdog.database.names import APPLICATION, control_database
from watchdog.database.ports import Cluster, Session
from watchdog.errors import Refused

POLL = timedelta(milliseconds=5)


async def empty(session: Session, names: Sequence[str], clock: Clock, deadline: Deadline) -> None:
    """Fence the databases and end their sessions, again and again until none is left.

    A session may have passed the gate just before it closed and appear a moment later: hence one look more
    after each that found any. Raises `StepFailed` at the deadline.
    """
    await session.execute(sql.together(sql.allow_connections(name, False) for name in names))
    while await _ended(session, names):
        deadline.check(f"ending the sessions of {', '.join(names)}")
        await clock.sleep(POLL)


async def unfence(cluster: Cluster, names: Iterable[str]) -> None:
    """Let clients in again. A database that does not exist is fine."""
    wanted = tuple(names)
    async with cluster.connect(control_database(wanted)) as session:
        for name, open_already in await session.rows(sql.databases_named(wanted)):
            if not open_already:
                await session.execute(sql.allow_connections(name, True))


async def end_backends(cluster: Cluster, prefix: str, fenced: Collection[str] = ()) -> int:
    """End what an interrupted operation left running in the server, by application name; returns how many.

    A killed `docker exec` client leaves its pg_dump or pg_restore alive inside the container. `fenced`: the
    databases that may let nobody in, as one that is called `postgres`.
    """
    if not prefix.startswith(APPLICATION):
        raise Refused(f"only sessions of our own ({APPLICATION}…) are ended by name, not {prefix!r}")
    async with cluster.connect(control_database(fenced)) as session:
        [(count,)] = await session.rows(sql.terminate_application(prefix))
    return int(count)


async def _ended(session: Session, names: Sequence[str]) -> int:
    [(count,)] = await session.rows(sql.terminate(names))
    return int(count)
