"""A PostgreSQL server in a container of the stack: reached at its address, its own tools run in it.

Fulfils `postgres.Site`. The container's tools always match its server.
"""

from __future__ import annotations

from collections.abc import Sequence

from watchdog.adapters import postgres_tools as tools
from watchdog.adapters.postgres import Version
from watchdog.adapters.postgres_words import check
from watchdog.adapters.process import Environment, run
from watchdog.database.ports import QUICK
from watchdog.errors import Unreachable
from watchdog.stack import Container

LOCAL = "127.0.0.1"
"""Where a container on the host's own network listens."""
PORT = 5432
LARGE_OUTPUT = ("pg_dump",)


class InContainer:
    """The server in one container, which runs."""

    def __init__(self, container: Container, docker_host: str | None = None) -> None:
        self._container = container
        self._docker: Environment = {} if docker_host is None else {"DOCKER_HOST": docker_host}

    @property
    def data_directory(self) -> str:
        return dict(self._container.environment).get("PGDATA", tools.DATA_DIRECTORY)

    @property
    def address(self) -> tuple[str, int]:
        """Without an address of its own, 127.0.0.1 would be somebody else's server."""
        container = self._container
        if container.addresses:
            return container.addresses[0], PORT
        if container.host_network:
            return LOCAL, PORT
        raise Unreachable(
            f"container {container.name} of service {container.service} has no address: it is in no network,"
            " or in another container's; give the service a network of its own"
        )

    async def password(self) -> str | None:
        """What the container was given for its first start; None where it was not."""
        given = dict(self._container.environment)
        if "POSTGRES_PASSWORD" in given:
            return given["POSTGRES_PASSWORD"]
        if "POSTGRES_PASSWORD_FILE" not in given:
            return None
        inside = ["docker", "exec", self._container.id, "cat", given["POSTGRES_PASSWORD_FILE"]]
        finished = await run(inside, timeout=QUICK, env=self._docker)
        check("cat", given["POSTGRES_PASSWORD_FILE"], finished)
        return finished.stdout.rstrip("\r\n")

    async def allows_jobs(self, version: Version) -> bool:
        return True

    async def command(
        self, tool: Sequence[str], *, application_name: str, with_input: bool, version: Version
    ) -> tuple[list[str], Environment]:
        if tool[0] in LARGE_OUTPUT:
            tool = tools.in_blocks(tool)
        elif tool[0] == "pg_restore":
            tool = tools.seekable(tool) if tools.ARCHIVE in tool else tools.in_large_reads(tool)
        argv = tools.in_container(
            self._container.id, tool, application_name=application_name, with_input=with_input
        )
        return argv, self._docker
