"""A database on a server outside of the stack is backed up, and comes back by a shell alone, too."""

from __future__ import annotations

import asyncio
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backup.sets import STACK
from tests.postgres_server import PASSWORD, Server
from watchdog.backup.backup import Backup
from watchdog.backup.writer import take
from watchdog.clock import SystemClock
from watchdog.stack import Database, Stack

pytestmark = pytest.mark.engine


def stack_of(server: Server, directory: Path, *names: str) -> Stack:
    """Its containers hold no database."""
    password = directory / "it's the password"
    password.write_text(f"{PASSWORD}\n")
    address = server.container.addresses[0]
    databases = tuple(Database(None, name, "shop", password, address) for name in names)
    return replace(STACK, directory=directory, files=(directory / "compose.yaml",), databases=databases)


async def back_up(server: Server, stack: Stack) -> Backup:
    dumpers = {d.name: server.outside(d.name, password=d.password_file) for d in stack.databases}
    directory = stack.directory / "backups"
    return await take(stack, None, (), dumpers, directory, clock=SystemClock(), reason="test")


async def test_needs_no_container_to_be_backed_up(server: Server, database: str, tmp_path: Path) -> None:
    stack = stack_of(server, tmp_path, database)
    backup = await back_up(server, stack)
    [dump] = backup.dumps
    assert dump.service == f"{server.container.addresses[0]}:5432"
    assert dump.account.contents.tables["public.users"].rows == 1000
    assert (tmp_path / "backups" / f"globals_{backup.timestamp}.sql").stat().st_size


async def test_a_shell_restores_it_without_this_program(
    server: Server, database: str, tmp_path: Path
) -> None:
    second = f"{database}_b"
    server.sql("postgres", f"CREATE DATABASE {second} TEMPLATE {database} LC_COLLATE 'C.UTF-8'")
    backup = await back_up(server, stack_of(server, tmp_path, database, second))
    for name in (database, second):
        server.sql(name, "DROP TABLE measures", "INSERT INTO users (email) VALUES ('later@example.com')")
    text = (tmp_path / "backups" / f"RESTORE_{backup.timestamp}.txt").read_text()
    assert "apt-get install zstd postgresql-client-15)" in text
    assert PASSWORD not in text
    # this stack has no containers of its own: starting it would create them
    script = "\n".join(line for line in text.splitlines() if not line.startswith("docker compose"))
    done = await asyncio.to_thread(
        subprocess.run, ["bash"], input=script, text=True, capture_output=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    for name in (database, second):
        assert server.sql(name, "SELECT count(*) FROM users") == [(1000,)]
        assert server.sql(name, "SELECT count(*) FROM measures") == [(300,)]
    assert sorted(server.databases(database).values()) == [False, False, True, True]
