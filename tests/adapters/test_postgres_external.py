"""A server outside of the stack is restored with the tools of this host, or refused for what it lacks."""

from __future__ import annotations

import shutil
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from tests.database.test_restore import dumped
from tests.postgres_server import PASSWORD, Server, each_major, pieces, start
from watchdog.adapters import postgres_external
from watchdog.adapters import postgres_tools as tools
from watchdog.adapters.postgres_external import fitting, installed
from watchdog.clock import SystemClock
from watchdog.database import Swap, displaced_name, restore_beside, side_name, swap, unfence
from watchdog.errors import Refused, StepFailed, Unreachable

CLOCK = SystemClock()
TS = "20261120_090000"
FIFTEEN, SEVENTEEN = Path("/usr/lib/postgresql/15/bin"), Path("/usr/lib/postgresql/17/bin")


@pytest.fixture
def password(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    return file


@pytest.fixture
def no_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """This host has nothing but docker and a shell, and whatever comes to lie here."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("docker", "sh", "mktemp", "rm", "tail", "cat"):
        (directory / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setattr(postgres_external, "INSTALLATIONS", ())
    monkeypatch.setenv("PATH", str(directory))
    return directory


@pytest.fixture(scope="session")
def newest(server: Server) -> Server:
    return start(17)


def lend_tools(server: Server, directory: Path) -> None:
    """Real tools of a server's major version: they run in its container and reach others by address.

    A file of this host they do not see: pg_restore reads from its standard input only.
    """
    no_file = f'case "$*" in *{tools.ARCHIVE}) exit {tools.NO_CONTENTS} ;; esac'
    inside = "docker exec --interactive --env PGHOST --env PGPORT --env PGPASSWORD --env PGAPPNAME"
    for name in ("pg_dump", "pg_restore", "psql", "pg_dumpall"):
        (directory / name).write_text(
            f'#!/bin/sh\n{no_file}\nexec {inside} {server.container.id} {name} "$@"\n'
        )
        (directory / name).chmod(0o755)


def test_takes_the_oldest_tools_that_are_not_older_than_the_server() -> None:
    found = {SEVENTEEN: 17, FIFTEEN: 15}
    assert [fitting(found, server, "db:5432") for server in (13, 15, 16)] == [FIFTEEN, FIFTEEN, SEVENTEEN]


def test_names_the_server_what_was_found_and_what_to_install() -> None:
    with pytest.raises(Refused) as caught:
        fitting({FIFTEEN: 15}, 17, "db:5432")
    assert str(caught.value) == (
        "db:5432 runs PostgreSQL 17 and needs client tools of version 17 or newer on this host (found: 15 in "
        "/usr/lib/postgresql/15/bin); install them (Debian: postgresql-client-17)"
    )
    with pytest.raises(Refused, match="found: none"):
        fitting({}, 17, "db:5432")


@pytest.mark.engine
async def test_a_host_without_tools_is_refused_before_anything_else(
    server: Server, password: Path, no_tools: Path
) -> None:
    with pytest.raises(Refused, match=r"runs PostgreSQL 15 .*found: none.*postgresql-client-15"):
        await server.outside("shop", password=password).require_tools()


@pytest.mark.engine
async def test_dumps_swaps_and_opens_it_with_this_hosts_tools(
    server: Server, database: str, password: Path
) -> None:
    cluster = server.outside(database, password=password)
    await cluster.require_tools()
    assert "CREATE ROLE shop" in await cluster.globals()
    archive, contents = await dumped(cluster, database)
    server.sql(database, "DROP TABLE measures")
    pair = Swap(database, side_name(database, TS), displaced_name(database, TS))
    await restore_beside(
        cluster, database, pair.side, lambda: pieces(archive), clock=CLOCK, expected=contents
    )
    await swap(cluster, [pair], CLOCK)
    await unfence(cluster, [database])
    assert server.sql(database, "SELECT count(*) FROM measures") == [(300,)]


@pytest.mark.engine
@each_major
async def test_tools_newer_than_the_server_restore_too(
    server: Server, database: str, password: Path, newest: Server, no_tools: Path
) -> None:
    """pg_restore 17 sets `transaction_timeout`, which stops it at an older server unless it may go on."""
    lend_tools(newest, no_tools)
    assert list((await installed()).values()) == [17]
    cluster, side = server.outside(database, password=password), side_name(database, TS)
    archive, contents = await dumped(cluster, database)
    await restore_beside(cluster, database, side, lambda: pieces(archive), clock=CLOCK, expected=contents)
    role = f"gone_{database}"
    server.sql(database, f"CREATE ROLE {role}", f"ALTER TABLE users OWNER TO {role}")
    archive, contents = await dumped(cluster, database)
    server.sql(database, f"ALTER TABLE users OWNER TO shop; DROP OWNED BY {role}; DROP ROLE {role}")
    with pytest.raises(StepFailed, match=r"(?s)does not exist.*restore the roles first"):
        await restore_beside(cluster, database, side, lambda: pieces(archive), clock=CLOCK, expected=contents)


def command_lines() -> list[bytes]:
    """Of everything that runs on this host."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended since
            found.append(file.read_bytes())
    return found


@pytest.mark.engine
async def test_no_command_line_ever_shows_the_password(server: Server, database: str, password: Path) -> None:
    server.sql(database, "CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 60000)")
    cluster = server.outside(database, password=password)
    async with cluster.dumping(database) as dump, aclosing(dump.chunks()) as chunks:
        await anext(chunks)
        lines = command_lines()
    assert any(b"pg_dump" in line for line in lines)
    assert not any(PASSWORD.encode() in line for line in lines)


@pytest.mark.engine
async def test_room_is_what_was_declared_less_what_our_copies_take(server: Server, password: Path) -> None:
    gibibyte = 1024**3
    with pytest.raises(Refused, match="cannot be seen from here; declare it in the configuration"):
        await server.outside("shop", password=password).free_bytes()
    cluster = server.outside("shop", password=password, free_space=gibibyte)
    assert await cluster.free_bytes() == gibibyte
    server.sql("postgres", f"CREATE DATABASE {displaced_name('shop', TS)}")
    taken = gibibyte - await cluster.free_bytes()
    server.drop("shop_pre_rollback_")
    assert 1024**2 < taken < gibibyte
    tight = server.outside("shop", password=password, free_space=0)
    assert await tight.free_bytes() == 0


@pytest.mark.engine
async def test_a_server_that_does_not_answer_is_unreachable(server: Server, password: Path) -> None:
    cluster = server.outside("shop", password=password, port=5433)
    with pytest.raises(Unreachable, match=r"database shop at .*:5433 cannot be reached"):
        async with cluster.connect("shop"):
            pass
