"""Finds the PostgreSQL cluster of a database: the running container of its service as it is now, or a host.

Fulfils `rollback.run.Clusters`, and the `sql` checks ask through it too.
"""

from __future__ import annotations

from datetime import timedelta

from watchdog.adapters.postgres import PostgresCluster
from watchdog.adapters.postgres_container import InContainer
from watchdog.adapters.postgres_external import External
from watchdog.database.names import application_name
from watchdog.errors import Unreachable
from watchdog.stack import Container, Database, Engine


class StackClusters:
    """For the databases of one project."""

    def __init__(self, engine: Engine, project: str, docker_host: str | None) -> None:
        self._engine = engine
        self._project = project
        self._docker_host = docker_host

    async def of(self, database: Database, operation: str = "") -> PostgresCluster:
        site = await self._site(database)
        return PostgresCluster(site, database, application_name=application_name(operation))

    async def first_row(
        self, database: Database, query: str, timeout: timedelta
    ) -> tuple[object, ...] | None:
        """The first row of a query in a read-only transaction; None where it returns no row."""
        cluster = await self.of(database, "check")
        async with cluster.connect(database.name) as session, session.transaction():
            await session.execute("SET TRANSACTION READ ONLY", timeout)
            rows = await session.rows(query, timeout)
        return rows[0] if rows else None

    async def _site(self, database: Database) -> InContainer | External:
        if database.host is not None:
            return External(database.host, database.port)
        return InContainer(await self._container(database), self._docker_host)

    async def _container(self, database: Database) -> Container:
        containers = await self._engine.containers(self._project)
        running = [c for c in containers if c.service == database.service and c.running and not c.one_off]
        if not running:
            raise Unreachable(
                f"service {database.service}, which serves database {database.name}, is not running; "
                f"start it with 'docker compose start {database.service}'"
            )
        return running[0]
