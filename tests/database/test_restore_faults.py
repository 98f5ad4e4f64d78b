"""Whatever goes wrong while a backup is restored, the live database stays and nothing is left over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.database.test_restore import CLOCK, TS, dumped
from tests.postgres_server import SMALL_DISK, Server, docker, pieces
from watchdog.database import restore_beside, side_name
from watchdog.errors import Corrupt, StepFailed
from watchdog.stack import Contents

pytestmark = pytest.mark.engine
OFFSETS = 30
SEED = 20261120
Damage = Callable[[bytes, int], bytes]


def cut_off(archive: bytes, at: int) -> bytes:
    return archive[:at]


def flipped(archive: bytes, at: int) -> bytes:
    return archive[:at] + bytes([archive[at] ^ 1 << at % 8]) + archive[at + 1 :]


async def restored(server: Server, database: str, archive: bytes, contents: Contents) -> bool:
    """Whether it was restored, and proven."""
    side = side_name(database, TS)
    try:
        await restore_beside(
            server.cluster(), database, side, lambda: pieces(archive), clock=CLOCK, expected=contents
        )
    except (StepFailed, Corrupt):
        assert server.databases(database) == {database: True}
        return False
    assert server.databases(database) == {database: True, side: False}
    return True


@pytest.mark.long
@pytest.mark.parametrize("damage", [cut_off, flipped])
async def test_damage_anywhere_never_touches_the_live_database(
    server: Server, database: str, damage: Damage
) -> None:
    """Decompressed by us it cannot be damaged: zstd's checksum would tell. Here pg_restore meets it bare.

    A bit of a time, a comment or the row's own length may change nothing that a row says; what is taken was
    compared. A cut is never taken, unless nothing is missing.
    """
    server.sql(database, 'TRUNCATE users, sales."Order"', "INSERT INTO users (email) VALUES ('a'), ('b')")
    archive, contents = await dumped(server.cluster(), database)
    chosen = sorted(random.Random(SEED).sample(range(len(archive) - 200), OFFSETS))
    taken = [at for at in chosen if await restored(server, database, damage(archive, at), contents)]
    assert server.sql(database, "SELECT count(*) FROM users") == [(2,)]
    assert len(taken) < (1 if damage is cut_off else OFFSETS // 2)


@contextlib.contextmanager
def small_disk(server: Server, database: str) -> Iterator[None]:
    """Move the database where there is little room; what is made like it lies there too."""
    name = f"small_{database}"
    docker("exec", server.container.id, "chown", "postgres", SMALL_DISK)
    server.sql("postgres", f"CREATE TABLESPACE {name} LOCATION '{SMALL_DISK}'")
    server.sql("postgres", f"ALTER DATABASE {database} SET TABLESPACE {name}")
    try:
        yield
    finally:
        server.drop(database)
        server.sql("postgres", f"DROP TABLESPACE {name}")


async def test_a_full_disk_gives_its_room_back_and_says_what_to_do(server: Server, database: str) -> None:
    small, contents = await dumped(server.cluster(), database)
    server.sql(database, "CREATE TABLE large AS SELECT n, md5(n::text) FROM generate_series(1, 900000) n")
    archive, _ = await dumped(server.cluster(), database)
    server.sql(database, "DROP TABLE large")
    side, full = side_name(database, TS), "could not extend file .*; make room on the server's data volume"
    with small_disk(server, database):
        with pytest.raises(StepFailed, match=full):
            await restore_beside(server.cluster(), database, side, lambda: pieces(archive), clock=CLOCK)
        assert server.databases(database) == {database: True}
        assert server.sql(database, "SELECT count(*) FROM users") == [(1000,)]
        assert await restored(server, database, small, contents)


class Halfway:
    """Half of an archive, and the rest once it may go on."""

    def __init__(self, archive: bytes) -> None:
        self._archive = archive
        self.reached, self.goes_on = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> AsyncIterator[bytes]:
        yield self._archive[: len(self._archive) // 2]
        self.reached.set()
        await self.goes_on.wait()
        yield self._archive[len(self._archive) // 2 :]


def clients_of_ours() -> list[int]:
    """The `docker exec` processes that feed pg_restore, and were started by this one."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(file.read_text().rsplit(")", 1)[1].split()[1])
            if parent == os.getpid() and b"pg_restore" in (file.parent / "cmdline").read_bytes():
                found.append(int(file.parent.name))
    return found


async def until_nothing_works_inside(server: Server) -> None:
    deadline = time.monotonic() + 20
    while "pg_restore" in docker("top", server.container.id):
        assert time.monotonic() < deadline, "pg_restore goes on in the container"
        await asyncio.sleep(0)


async def end(restoring: asyncio.Task[None], kill: bool, killed: asyncio.Event) -> None:
    if kill:
        deadline = time.monotonic() + 10
        while not (clients := clients_of_ours()):  # its name shows a moment after its start
            assert time.monotonic() < deadline, "nothing feeds pg_restore"
        os.kill(clients[0], signal.SIGKILL)
        killed.set()
        with pytest.raises(StepFailed):
            await restoring
    else:
        restoring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await restoring


each_end = pytest.mark.parametrize("kill", [True, False], ids=["docker exec killed", "cancelled"])


@each_end
async def test_a_restore_that_is_ended_halfway_leaves_nothing_running(
    server: Server, database: str, kill: bool
) -> None:
    archive, contents = await dumped(server.cluster(), database)
    dump, side = Halfway(archive), side_name(database, TS)
    restoring = asyncio.create_task(restore_beside(server.cluster(), database, side, dump, clock=CLOCK))
    await dump.reached.wait()
    await end(restoring, kill, dump.goes_on)
    assert server.databases(database) == {database: True}
    await until_nothing_works_inside(server)
    assert await restored(server, database, archive, contents)


SLOW = """CREATE FUNCTION slow(n bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS
    $$ SELECT n FROM pg_sleep(CASE WHEN current_database() ~ '_restore_' THEN 60 ELSE 0 END) $$"""


@each_end
async def test_indexes_that_are_being_made_end_with_the_restore(
    server: Server, database: str, kill: bool
) -> None:
    """pg_restore makes them by itself, with no input of ours to wait for."""
    server.sql(database, SLOW, "CREATE INDEX slowly ON users (slow(id))")
    archive, _ = await dumped(server.cluster(), database)
    side = side_name(database, TS)
    restoring = asyncio.create_task(
        restore_beside(server.cluster(), database, side, lambda: pieces(archive), clock=CLOCK)
    )
    making = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{side}' AND query ~ 'INDEX slowly'"
    deadline = time.monotonic() + 30
    while (await asyncio.to_thread(server.sql, "postgres", making)) == [(0,)]:
        assert time.monotonic() < deadline, "no index is being made"
    await end(restoring, kill, asyncio.Event())
    assert server.databases(database) == {database: True}
    await until_nothing_works_inside(server)


@pytest.mark.long
async def test_4000_tables_come_back(server: Server, database: str) -> None:
    """In one transaction they would exhaust the server's lock table."""
    make = """DO $$ BEGIN FOR n IN 1..4000 LOOP
        EXECUTE format('CREATE TABLE many_%s AS SELECT %s AS id', n, n);
        IF n % 500 = 0 THEN COMMIT; END IF; END LOOP; END $$"""
    server.sql(database, make)
    archive, contents = await dumped(server.cluster(), database)
    assert len(contents.tables) > 4000
    assert await restored(server, database, archive, contents)
