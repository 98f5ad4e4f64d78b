"""The conditional step: the database's own service is down, gone, or of another making than the target's.

It comes after files and images, because it is from them that the service is made again, and before the
database, which only a server that answers can restore.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from watchdog.database.names import control_database
from watchdog.rollback.run import RESTART_TIMEOUT, Run
from watchdog.rollback.steps.databases import cluster_of
from watchdog.stack import Container, Database, Release, Stack

DATA_DIRECTORY = "/var/lib/postgresql/data"
"""Of the official image, where PGDATA does not say."""


def needs_recovery(stack: Stack, containers: Iterable[Container], target: Release) -> bool:
    """Whether a database service of the target does not run as the target had it."""
    made = {(c.service, c.image_id, c.config_hash) for c in containers if c.running and not c.one_off}
    wanted = [s for s in target.services if s.service in stack.database_services and s.running]
    return any((s.service, s.image_id, s.config_hash) not in made for s in wanted)


async def recover_database_service(run: Run) -> dict[str, Any]:
    """Facts: `recovered`, the services. Raises `Unreachable` until they answer: the machine asks again."""
    services = sorted(s.service for s in run.target.services if s.service in run.stack.database_services)
    if services:  # none named would mean all of them
        await run.hands.orchestrator.up(run.stack, services, RESTART_TIMEOUT)
    for database in run.stack.databases:
        cluster = await cluster_of(run, database)
        async with cluster.connect(control_database([database.name])) as session:
            await session.rows("SELECT 1")
    return {"recovered": services}


async def obstacles_to_recovery(run: Run) -> tuple[str, ...]:
    """The data on the volume must be of the major version that comes back: no server reads another one's."""
    containers = await run.hands.engine.containers(run.stack.project)
    found = []
    for database in run.stack.databases:
        here, then = await _major(run, database, containers), _major_then(run, database)
        if here is not None and then is not None and here != then:
            found.append(
                f"service {database.service} keeps data of PostgreSQL {here} now, and backup "
                f"{run.backup.timestamp if run.backup else ''} is of PostgreSQL {then}, whose server cannot "
                f"read it: everything stays as it is. Bring the newer server up, or move its volume away, "
                f"by hand; the volume holds every row"
            )
    return tuple(found)


async def _major(run: Run, database: Database, containers: Iterable[Container]) -> int | None:
    """Of the data directory, read without its server; None where there is none yet."""
    for container in containers:
        if container.service == database.service and not container.one_off:
            directory = dict(container.environment).get("PGDATA", DATA_DIRECTORY)
            text = await run.hands.engine.read_file(container.id, f"{directory}/PG_VERSION")
            if text is not None and text.strip().isdigit():
                return int(text)
    return None


def _major_then(run: Run, database: Database) -> int | None:
    contents = run.backup.contents(database.name) if run.backup else None
    return contents.server_version // 10000 if contents else None
