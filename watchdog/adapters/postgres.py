"""A PostgreSQL cluster in a container: psycopg to its address, its own tools through `docker exec`.

Fulfils `database.ports.Cluster` and `backup.ports.Dumper`. psycopg is imported with the first connection: a
daemon whose stacks have no database never pays its 9 MiB.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path

from watchdog.adapters import postgres_tools as tools
from watchdog.adapters.postgres_dump import snapshot_dump
from watchdog.adapters.postgres_session import PostgresSession, connected
from watchdog.adapters.postgres_words import check
from watchdog.adapters.process import Environment, run, stream
from watchdog.backup.ports import OpenDump
from watchdog.database.ports import QUICK, Format, Session
from watchdog.errors import ConfigError, StepFailed, Unreachable
from watchdog.stack import Container, Database

LOCAL = "127.0.0.1"
"""Where a container on the host's own network listens."""


class PostgresCluster:
    """The server in one container, as the role that the operator named for one of its databases.

    `application_name` is what the server shows for every connection and tool: `ops-watchdog-<operation>`.
    """

    def __init__(
        self,
        container: Container,
        database: Database,
        *,
        application_name: str,
        docker_host: str | None = None,
    ) -> None:
        self._container = container
        self._database = database
        self._application_name = application_name
        self._docker: Environment = {} if docker_host is None else {"DOCKER_HOST": docker_host}
        self._password: str | None = None
        self._password_known = False

    @property
    def user(self) -> str:
        return self._database.user

    def connect(self, database: str) -> AbstractAsyncContextManager[Session]:
        return self._connect(database)

    @asynccontextmanager
    async def _connect(self, database: str) -> AsyncIterator[PostgresSession]:
        async with connected(
            host=_address(self._container),
            user=self.user,
            password=await self._secret(),
            database=database,
            application_name=self._application_name,
        ) as session:
            yield session

    def dumping(self, database: str) -> AbstractAsyncContextManager[OpenDump]:
        return snapshot_dump(self, database)

    async def dump(self, database: str, snapshot: str) -> AsyncGenerator[bytes, None]:
        argv = self._argv(tools.pg_dump(self.user, database, snapshot))
        async with (
            stream(argv, timeout=None, env=await self._environment()) as process,
            aclosing(process.chunks()) as chunks,
        ):
            async for chunk in chunks:
                yield chunk
            check("pg_dump", database, await process.finished())

    async def restore(self, database: str, chunks: AsyncIterator[bytes], fmt: Format) -> None:
        tool = tools.pg_restore if fmt == "custom" else tools.psql
        argv = self._argv(tool(self.user, database), with_input=True)
        finished = await run(argv, timeout=None, env=await self._environment(), stdin=chunks)
        check(tool.__name__, database, finished)

    async def globals(self) -> str:
        """Without the roles' passwords where ours may not read them: only a superuser may."""
        async with self.connect(self._database.name) as session:
            [(superuser,)] = await session.rows(
                "SELECT rolsuper FROM pg_roles WHERE rolname = current_user", QUICK
            )
        tool = tools.pg_dumpall_globals(self.user, self._database.name, passwords=superuser)
        finished = await run(self._argv(tool), timeout=QUICK, env=await self._environment())
        check("pg_dumpall", self._database.name, finished)
        return finished.stdout

    async def free_bytes(self) -> int:
        directory = dict(self._container.environment).get("PGDATA", tools.DATA_DIRECTORY)
        finished = await run(self._argv(tools.free_kilobytes(directory)), timeout=QUICK, env=self._docker)
        check("df", directory, finished)
        try:
            return tools.parse_free_bytes(finished.stdout)
        except (ValueError, IndexError) as error:
            raise StepFailed(
                f"df in container {self._container.name} answered {finished.stdout!r}"
            ) from error

    def _argv(self, tool: Sequence[str], *, with_input: bool = False) -> list[str]:
        return tools.in_container(
            self._container.id, tool, application_name=self._application_name, with_input=with_input
        )

    async def _environment(self) -> Environment:
        return {**self._docker, tools.PASSWORD: await self._secret()}

    async def _secret(self) -> str | None:
        if not self._password_known:
            self._password = await self._find_password()
            self._password_known = True
        return self._password

    async def _find_password(self) -> str | None:
        """The operator's file, else what the container itself was given; None where neither says."""
        if (file := self._database.password_file) is not None:
            return await asyncio.to_thread(_first_line, file)
        given = dict(self._container.environment)
        if "POSTGRES_PASSWORD" in given:
            return given["POSTGRES_PASSWORD"]
        if "POSTGRES_PASSWORD_FILE" not in given:
            return None
        inside = ["docker", "exec", self._container.id, "cat", given["POSTGRES_PASSWORD_FILE"]]
        finished = await run(inside, timeout=QUICK, env=self._docker)
        check("cat", given["POSTGRES_PASSWORD_FILE"], finished)
        return finished.stdout.rstrip("\r\n")


def _address(container: Container) -> str:
    """Where it listens. Without an address of its own, 127.0.0.1 would be somebody else's server."""
    if container.addresses:
        return container.addresses[0]
    if container.host_network:
        return LOCAL
    raise Unreachable(
        f"container {container.name} of service {container.service} has no address: it is in no network, or"
        " in another container's; give the service a network of its own"
    )


def _first_line(file: Path) -> str:
    try:
        return file.read_text().split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"cannot read the password file {file}: {reason}") from None
