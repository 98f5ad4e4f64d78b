"""A PostgreSQL cluster: psycopg to where it listens, PostgreSQL's own tools from where they lie.

Fulfils `database.ports.Cluster` and `backup.ports.Dumper`. Where that is, a `Site` knows: a container of the
stack (`postgres_container`) or a server outside of it (`postgres_external`). psycopg is imported with the
first connection: a daemon whose stacks have no database never pays its 9 MiB.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from watchdog.adapters import postgres_tools as tools
from watchdog.adapters.postgres_dump import snapshot_dump
from watchdog.adapters.postgres_restore import restore_archive
from watchdog.adapters.postgres_session import PostgresSession, connected
from watchdog.adapters.postgres_words import check
from watchdog.adapters.process import Environment, Finished, run, stream
from watchdog.backup.ports import OpenDump
from watchdog.database.contents import server_version
from watchdog.database.names import control_database
from watchdog.database.ports import QUICK, Dump, Format, Session
from watchdog.database.properties import Properties, statements
from watchdog.errors import ConfigError, Refused, StepFailed
from watchdog.stack import Database

Version = Callable[[], Awaitable[int]]
"""Asks for the server's `server_version_num` (150018): only some sites must know it."""


class Site(Protocol):
    """Where one server listens, and how PostgreSQL's tools are run for it."""

    @property
    def data_directory(self) -> str | None:
        """Where the tools see the server's data; None where they do not."""
        ...

    @property
    def address(self) -> tuple[str, int]:
        """Host and port. Raises `Unreachable` where it has none."""
        ...

    async def password(self) -> str | None:
        """What the site itself knows, where the operator named no file."""
        ...

    async def command(
        self, tool: Sequence[str], *, application_name: str, with_input: bool, version: Version
    ) -> tuple[list[str], Environment]:
        """How to run a tool there, `with_input` fed through its standard input; the password is added later.

        Raises `Refused` where no tool fits the server.
        """
        ...

    async def allows_jobs(self, version: Version) -> bool:
        """Whether pg_restore can be trusted to say what went wrong in several jobs at once."""
        ...


class PostgresCluster:
    """One server, as the role that the operator named for one of its databases.

    `application_name` is what the server shows for every connection and tool: `ops-watchdog-<operation>`.
    """

    def __init__(self, site: Site, database: Database, *, application_name: str) -> None:
        self._site = site
        self._database = database
        self._application_name = application_name
        self._password: str | None = None
        self._password_known = False

    @property
    def user(self) -> str:
        return self._database.user

    def connect(self, database: str) -> AbstractAsyncContextManager[Session]:
        return self._connect(database)

    @asynccontextmanager
    async def _connect(self, database: str) -> AsyncIterator[PostgresSession]:
        host, port = self._site.address
        async with connected(
            host=host,
            port=port,
            user=self.user,
            password=await self._secret(),
            database=database,
            application_name=self._application_name,
        ) as session:
            yield session

    def dumping(self, database: str) -> AbstractAsyncContextManager[OpenDump]:
        return snapshot_dump(self, database)

    async def dump(self, database: str, snapshot: str) -> AsyncGenerator[bytes, None]:
        argv, env = await self._command(tools.pg_dump(self.user, database, snapshot))
        async with (
            stream(argv, timeout=None, env=env) as process,
            aclosing(process.chunks()) as chunks,
        ):
            async for chunk in chunks:
                yield chunk
            check("pg_dump", database, await process.finished())

    async def restore(self, database: str, dump: Dump, fmt: Format) -> None:
        if fmt == "custom":
            jobs = await self._site.allows_jobs(self._version)
            await restore_archive(self._feed, self.user, database, dump, jobs=jobs)
        else:
            check("psql", database, await self._feed(tools.psql(self.user, database), dump()))

    def properties_sql(self, database: str, properties: Mapping[str, Any]) -> tuple[str, ...]:
        return statements(database, Properties.from_mapping(properties))

    async def globals(self) -> str:
        """Without the roles' passwords where ours may not read them: only a superuser may."""
        async with self.connect(self._database.name) as session:
            [(superuser,)] = await session.rows(
                "SELECT rolsuper FROM pg_roles WHERE rolname = current_user", QUICK
            )
        tool = tools.pg_dumpall_globals(self.user, self._database.name, passwords=superuser)
        argv, env = await self._command(tool)
        finished = await run(argv, timeout=QUICK, env=env)
        check("pg_dumpall", self._database.name, finished)
        return finished.stdout

    async def require_tools(self) -> None:
        for tool in tools.NEEDED:
            argv, env = await self._command([tool, "--version"])
            check(tool, self._database.server, await run(argv, timeout=QUICK, env=env))

    async def free_bytes(self) -> int:
        """As `df` says beside the data; what the operator declared where that cannot be asked."""
        directory = self._site.data_directory
        if directory is None:
            return await self._declared_room()
        argv, env = await self._command(tools.free_kilobytes(directory))
        finished = await run(argv, timeout=QUICK, env=env)
        check("df", directory, finished)
        try:
            return tools.parse_free_bytes(finished.stdout)
        except (ValueError, IndexError) as error:
            raise StepFailed(f"df of {self._database.server} answered {finished.stdout!r}") from error

    async def _declared_room(self) -> int:
        """Less what our own copies take of it by now."""
        server, declared = self._database.server, self._database.free_space
        if declared is None:
            raise Refused(
                f"how much room {server} has for a copy of {self._database.name} cannot be seen from here;"
                " declare it in the configuration, with the database (free_space: 20GiB)"
            )
        async with self.connect(control_database([self._database.name])) as session:
            [(taken,)] = await session.rows(tools.SIZE_OF_OUR_COPIES)
        return max(0, declared - int(taken))

    async def _feed(self, tool: Sequence[str], chunks: AsyncIterator[bytes]) -> Finished:
        argv, env = await self._command(tool, with_input=True)
        return await run(argv, timeout=None, env=env, stdin=chunks)

    async def _command(
        self, tool: Sequence[str], *, with_input: bool = False
    ) -> tuple[list[str], Environment]:
        """A tool of PostgreSQL's, or any program, where those of this server are run."""
        argv, env = await self._site.command(
            tool,
            application_name=self._application_name,
            with_input=with_input,
            version=self._version,
        )
        return argv, {**env, tools.PASSWORD: await self._secret()}

    async def _version(self) -> int:
        async with self.connect(control_database([self._database.name])) as session:
            return await server_version(session)

    async def _secret(self) -> str | None:
        if not self._password_known:
            file = self._database.password_file
            known = self._site.password() if file is None else asyncio.to_thread(_first_line, file)
            self._password = await known
            self._password_known = True
        return self._password


def _first_line(file: Path) -> str:
    try:
        return file.read_text().split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"cannot read the password file {file}: {reason}") from None
