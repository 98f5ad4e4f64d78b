"""A PostgreSQL server outside of the stack: reached by host and port, with the tools that this host has.

Fulfils `postgres.Site`. pg_dump refuses a newer server, and pg_restore the archive of a newer pg_dump: all
tools are taken from one installation, the oldest one that is not older than the server.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from watchdog.adapters import postgres_tools as tools
from watchdog.adapters.postgres import Version
from watchdog.adapters.process import Environment, run
from watchdog.database.ports import QUICK
from watchdog.errors import Refused

INSTALLATIONS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
"""Of Debian's packages and of Red Hat's; `psql` in PATH may be any one of them."""
TIMEOUT_SINCE = 17
"""pg_restore sets `transaction_timeout` since then, which an older server does not know: it must go on after
that error, which `postgres_words.check` tells from all others."""
_MAJOR = re.compile(r"\(PostgreSQL\) (\d+)")


class External:
    """The server that listens at host and port."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._tools: tuple[Path, bool] | None = None

    @property
    def data_directory(self) -> None:
        return None

    @property
    def address(self) -> tuple[str, int]:
        return self._host, self._port

    async def password(self) -> None:
        """None: libpq looks into ~/.pgpass then."""
        return

    async def command(
        self, tool: Sequence[str], *, application_name: str, with_input: bool, version: Version
    ) -> tuple[list[str], Environment]:
        where = {"PGHOST": self._host, "PGPORT": str(self._port), "PGAPPNAME": application_name}
        if tool[0] not in tools.NEEDED:
            return list(tool), where
        directory, newer = await self._find_tools(version)
        words = [word for word in tool if not (newer and word == tools.EXIT_ON_ERROR)]
        command = [str(directory / words[0]), *words[1:]]
        return tools.seekable(command) if tools.ARCHIVE in command else command, where

    async def allows_jobs(self, version: Version) -> bool:
        """The errors of several jobs cannot be counted, and that of a setting is one to be expected."""
        _, newer = await self._find_tools(version)
        return not newer

    async def _find_tools(self, version: Version) -> tuple[Path, bool]:
        """Where they are, and whether their pg_restore sets what the server does not know."""
        if self._tools is None:
            found, server = await installed(), await version() // 10000
            directory = fitting(found, server, f"{self._host}:{self._port}")
            self._tools = directory, found[directory] >= TIMEOUT_SINCE > server
        return self._tools


def fitting(found: Mapping[Path, int], server: int, where: str) -> Path:
    """Of the installations found (directory to major version) the one for a server of this major version."""
    usable = [directory for directory, major in found.items() if major >= server]
    if usable:
        return min(usable, key=lambda directory: found[directory])
    listed = ", ".join(f"{major} in {directory}" for directory, major in found.items()) or "none"
    raise Refused(
        f"{where} runs PostgreSQL {server} and needs client tools of version {server} or newer on this host"
        f" (found: {listed}); install them (Debian: postgresql-client-{server})"
    )


async def installed() -> dict[Path, int]:
    """The directories with PostgreSQL's client tools, and their major versions, the newest first."""
    found = {}
    for directory in await asyncio.to_thread(_directories):
        finished = await run([str(directory / "pg_dump"), "--version"], timeout=QUICK)
        if (said := _MAJOR.search(finished.stdout)) is not None:
            found[directory] = int(said[1])
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _directories() -> list[Path]:
    in_path = [Path(directory) for directory in os.environ.get("PATH", "").split(os.pathsep) if directory]
    usual = [path for pattern in INSTALLATIONS for path in Path("/").glob(pattern.lstrip("/"))]
    complete = (d for d in (*usual, *in_path) if all(os.access(d / name, os.X_OK) for name in tools.NEEDED))
    return list(dict.fromkeys(complete))
