"""A real database is backed up while others write, restored beside itself, and by a shell alone."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backup.sets import RELEASE, STACK
from tests.postgres_server import Server
from watchdog.adapters.postgres import PostgresCluster
from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import catalogue, check_files, open_dump
from watchdog.backup.writer import take
from watchdog.clock import SystemClock
from watchdog.database import (
    Properties,
    Swap,
    displaced_name,
    end_backends,
    restore_beside,
    schema_fingerprint,
    side_name,
    swap,
    unfence,
)
from watchdog.errors import StepFailed, WatchdogError
from watchdog.stack import Database, Release, Stack

pytestmark = pytest.mark.engine
CLOCK = SystemClock()


def stack_of(database: str, directory: Path) -> Stack:
    return replace(
        STACK,
        directory=directory,
        files=(directory / "compose.yaml",),
        databases=(Database("database", database, "shop"),),
    )


async def back_up(
    server: Server,
    database: str,
    directory: Path,
    release: Release | None = None,
    dumper: PostgresCluster | None = None,
) -> Backup:
    stack = stack_of(database, directory)
    dumpers = {database: dumper or server.cluster(operation="backup")}
    containers = (server.container,)
    return await take(stack, release, containers, dumpers, directory / "backups", clock=CLOCK, reason="test")


class Interrupted(PostgresCluster):
    """Does something after the first chunk of a dump that has many."""

    def __init__(self, server: Server, database: str, name: str, act: Callable[[], object]) -> None:
        super().__init__(server.site(), Database("database", database, "shop"), application_name=name)
        server.sql(database, "CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 60000)")
        self._act = act

    async def dump(self, database: str, snapshot: str) -> AsyncGenerator[bytes, None]:
        async with aclosing(super().dump(database, snapshot)) as chunks:
            yield await anext(chunks)
            self._act()
            async for chunk in chunks:
                yield chunk


async def restore(cluster: PostgresCluster, backup: Backup, database: str) -> None:
    side = side_name(database, backup.timestamp)
    await restore_beside(
        cluster,
        database,
        side,
        lambda: open_dump(backup, database),
        clock=CLOCK,
        fmt=backup.format(),
        expected=backup.contents(database),
        saved=Properties.from_mapping(backup.properties(database) or {}),
    )
    await swap(cluster, [Swap(database, side, displaced_name(database, backup.timestamp))], CLOCK)
    await unfence(cluster, [database])


async def test_what_was_backed_up_comes_back_and_what_came_later_stays_displaced(
    server: Server, database: str, tmp_path: Path
) -> None:
    cluster = server.cluster()
    with server.connect(database) as writer:
        stop = asyncio.Event()

        async def write() -> int:
            count = 0
            while not stop.is_set():
                count += 1
                await asyncio.to_thread(writer.execute, "INSERT INTO users (email) VALUES (NULL)")
            return count

        writing = asyncio.create_task(write())
        backup = await back_up(server, database, tmp_path)
        stop.set()
        written = await writing
    assert written
    server.sql(database, "DELETE FROM measures")
    [listed] = catalogue(tmp_path / "backups")
    assert listed == backup
    check_files(listed)
    contents = listed.contents(database)
    assert contents is not None
    kept = contents.tables["public.users"].rows
    assert 1000 <= kept <= 1000 + written
    await restore(cluster, listed, database)
    assert server.sql(database, "SELECT count(*) FROM users") == [(kept,)]
    assert server.sql(database, "SELECT count(*) FROM measures") == [(300,)]
    async with cluster.connect(database) as session:
        assert await schema_fingerprint(session) == listed.schema(database)
    displaced = displaced_name(database, backup.timestamp)
    await unfence(cluster, [displaced])
    assert server.sql(displaced, "SELECT count(*) FROM users") == [(1000 + written,)]


async def test_globals_and_properties_are_part_of_it(server: Server, database: str, tmp_path: Path) -> None:
    backup = await back_up(server, database, tmp_path)
    roles = (tmp_path / "backups" / f"globals_{backup.timestamp}.sql").read_text()
    assert "CREATE ROLE shop" in roles
    assert "SCRAM-SHA-256" in roles
    properties = Properties.from_mapping(backup.properties(database) or {})
    assert (properties.owner, properties.encoding) == ("shop", "UTF8")


async def test_a_dump_that_is_killed_midway_leaves_nothing(
    server: Server, database: str, tmp_path: Path
) -> None:
    name = "ops-watchdog-killed"
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE application_name = '{name}' AND query LIKE 'COPY%'"
    )
    dumper = Interrupted(server, database, name, lambda: server.sql("postgres", kill))
    with pytest.raises(StepFailed, match=r"pg_dump of .* failed"):
        await back_up(server, database, tmp_path, dumper=dumper)
    assert list((tmp_path / "backups").iterdir()) == []


async def test_a_cancelled_backup_leaves_nothing_on_disk_nor_in_the_server(
    server: Server, database: str, tmp_path: Path
) -> None:
    begun = asyncio.Event()
    name = "ops-watchdog-cancelled"
    dumper = Interrupted(server, database, name, begun.set)
    task = asyncio.create_task(back_up(server, database, tmp_path, dumper=dumper))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list((tmp_path / "backups").iterdir()) == []
    while await end_backends(server.cluster(), name):
        pass  # until none is left: a backend takes a moment to end


async def test_a_shell_restores_it_without_this_program(
    server: Server, database: str, tmp_path: Path
) -> None:
    compose = tmp_path / "compose.yaml"
    compose.write_text("services: {backend: {image: shop/backend:1.0}}\n")
    file = replace(RELEASE.files[0], path=compose, content=compose.read_bytes(), mode=0o640)
    release = replace(RELEASE, files=(file,), services=())
    backup = await back_up(server, database, tmp_path, release)
    compose.write_text("services: {broken: {}}\n")
    server.sql(database, "DROP TABLE measures", "INSERT INTO users (email) VALUES ('later@example.com')")
    text = (tmp_path / "backups" / f"RESTORE_{backup.timestamp}.txt").read_text()
    # this stack has no containers of its own: starting it would create them
    script = "\n".join(line for line in text.splitlines() if not line.startswith("docker compose"))
    environment = {"DOCKER_HOST": server.docker_host}
    done = await asyncio.to_thread(
        subprocess.run, ["bash"], input=script, text=True, capture_output=True, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert server.sql(database, "SELECT count(*) FROM users") == [(1000,)]
    assert server.sql(database, "SELECT count(*) FROM measures") == [(300,)]
    assert compose.read_bytes() == file.content
    assert compose.stat().st_mode & 0o777 == 0o640
    names = server.databases(database)
    assert len(names) == 2
    assert sorted(names.values()) == [False, True]


async def test_errors_never_show_the_password(server: Server, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("dbname=x host=wrong-secret\n")
    database = Database("database", "shop", "shop", secret)
    cluster = PostgresCluster(server.site(), database, application_name="ops-watchdog-x")
    with pytest.raises(WatchdogError) as caught:
        async with cluster.connect("shop"):
            pass
    error: BaseException | None = caught.value
    while error is not None:
        assert "wrong-secret" not in str(error)
        error = error.__cause__
