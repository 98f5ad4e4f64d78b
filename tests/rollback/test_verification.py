"""A backup is verified by really restoring it, beside the live database, which is never touched."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.backup.sets import script_set
from tests.fakes import FakeCommands, FakeEngine, FakeOrchestrator, ScriptedProber
from tests.postgres_server import Server, docker
from watchdog.adapters.file_lock import FileLock
from watchdog.backup.backup import Backup, Level
from watchdog.backup.catalogue import find, open_dump
from watchdog.backup.manifest import to_json
from watchdog.backup.writer import take
from watchdog.clock import SystemClock
from watchdog.database.fingerprint import schema_fingerprint
from watchdog.database.ports import Cluster
from watchdog.database.standby import stand_by
from watchdog.errors import Corrupt, Refused, Unreachable, UsageError
from watchdog.rollback.run import Hands
from watchdog.rollback.verification import verify
from watchdog.stack import Database, Stack

pytestmark = pytest.mark.engine
CLOCK = SystemClock()
SCRIPT_TS = "20261022_153000"
COPIES = "_verify_"


class Clusters:
    """Finds the test's server, unless it is down."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.down = False
        self.seen_as: Callable[[Cluster], Any] = lambda cluster: cluster

    async def of(self, database: Database, operation: str = "") -> Cluster:
        if self.down:
            raise Unreachable(f"service {database.service} does not run")
        found: Cluster = self.seen_as(self._server.cluster(database.name, operation))
        return found


class Site:
    """A stack with one database on the test's server, and its backups."""

    def __init__(self, root: Path, server: Server, *databases: str) -> None:
        self.server, self.directory = server, root / "backups"
        self.clusters = Clusters(server)
        self.stack = Stack(
            name="shop",
            project="shop",
            directory=root,
            files=(root / "compose.yaml",),
            databases=tuple(Database("database", name, "shop") for name in databases),
        )
        self.said: list[str] = []

    async def back_up(self) -> Backup:
        dumpers = {d.name: self.server.cluster(d.name) for d in self.stack.databases}
        containers = (self.server.container,)
        return await take(
            self.stack, None, containers, dumpers, self.directory, clock=CLOCK, reason="test", disk_reserve=0
        )

    def plain(self, database: str, name: str = "", *options: str) -> Backup:
        """A set as the guide's script makes it."""
        dump = docker("exec", self.server.container.id, "pg_dump", "-U", "shop", *options, database).encode()
        script_set(self.directory, SCRIPT_TS, dump, f"{name}.sql")
        return self.script()

    def script(self) -> Backup:
        return find(self.directory, SCRIPT_TS)

    def hands(self) -> Hands:
        engine = FakeEngine()
        return Hands(
            stack=self.stack,
            checks=(),
            engine=engine,
            orchestrator=FakeOrchestrator(engine),
            prober=ScriptedProber(CLOCK),
            clusters=self.clusters,
            commands=FakeCommands(),
            lock=FileLock(self.directory, CLOCK),
            clock=CLOCK,
            incident_directory=self.directory,
        )

    async def verify(self, backup: Backup, **options: bool) -> Backup:
        return await verify(backup, self.hands(), self.said.append, **options)

    def copies(self) -> list[str]:
        rows = self.server.sql("postgres", f"SELECT datname FROM pg_database WHERE datname LIKE '%{COPIES}%'")
        own = tuple(f"{d.name}{COPIES}" for d in self.stack.databases)
        return [str(name) for (name,) in rows if str(name).startswith(own)]


@pytest.fixture
def site(tmp_path: Path, server: Server, database: str) -> Site:
    return Site(tmp_path, server, database)


def live_rows(site: Site) -> object:
    return site.server.sql(site.stack.databases[0].name, "SELECT count(*), max(email) FROM users")


async def test_a_backup_is_verified_by_its_restore_and_nothing_of_it_is_left(site: Site) -> None:
    backup = await site.back_up()
    site.server.sql(backup.dumps[0].name, 'DELETE FROM sales."Order"', "DROP TABLE measures")
    before = live_rows(site)
    verified = await site.verify(backup)
    assert (verified.level, verified.verified_at is not None) == (Level.VERIFIED, True)
    assert find(site.directory, backup.timestamp) == verified
    assert site.copies() == []
    assert live_rows(site) == before
    assert any(line.endswith("is what was backed up") for line in site.said)


async def test_checksums_alone_make_it_checked(site: Site) -> None:
    site.clusters.down = True
    backup = await site.back_up()
    checked = await site.verify(backup, restore=False)
    assert (checked.level, checked.checked_at is not None) == (Level.CHECKED, True)


async def test_where_no_server_answers_it_stays_checked(site: Site) -> None:
    backup = await site.back_up()
    site.clusters.down = True
    with pytest.raises(Unreachable, match=r"is checked .* but not verified: service database does not run"):
        await site.verify(backup)
    assert find(site.directory, backup.timestamp).level is Level.CHECKED


async def test_a_damaged_file_makes_it_damaged_for_good(site: Site) -> None:
    backup = await site.back_up()
    path = site.directory / backup.dumps[0].file
    data = bytearray(sound := path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(Corrupt, match=r"dump\.zst differs"):
        await site.verify(backup)
    path.write_bytes(sound)
    found = find(site.directory, backup.timestamp)
    assert (found.level, "differs" in found.problem) == (Level.DAMAGED, True)
    assert (await site.verify(found)).level is Level.VERIFIED, "only its own proof makes it usable again"


async def test_a_restored_copy_that_is_not_as_the_manifest_says_makes_it_damaged(site: Site) -> None:
    """Sound files, and yet not what was backed up: the account tells of a row more."""
    backup = await site.back_up()
    account = backup.dumps[0].account
    tables = dict(account.contents.tables)
    tables["public.users"] = replace(tables["public.users"], rows=1001)
    account = replace(account, contents=replace(account.contents, tables=tables))
    forged = replace(backup, dumps=(replace(backup.dumps[0], account=account),))
    (site.directory / f"manifest_{backup.timestamp}.json").write_bytes(to_json(forged))
    with pytest.raises(Corrupt, match=r"public\.users: 1000 rows instead of 1001"):
        await site.verify(find(site.directory, backup.timestamp))
    found = find(site.directory, backup.timestamp)
    assert (found.level, found.complete) == (Level.DAMAGED, False)
    assert site.copies() == []


async def test_a_copy_that_stands_by_is_proof_enough(site: Site) -> None:
    backup = await site.back_up()
    name = backup.dumps[0].name
    cluster = site.server.cluster(name)
    await stand_by(
        cluster,
        name,
        backup.timestamp,
        lambda: open_dump(backup, name),
        clock=CLOCK,
        expected=backup.contents(name),
    )
    assert (await site.verify(backup)).level is Level.VERIFIED
    assert f"a proven copy of {name} stands by" in site.said


async def test_every_database_of_a_set_is_proven(site: Site, server: Server) -> None:
    first = site.stack.databases[0].name
    second = f"{first}_2"
    server.sql("postgres", f'CREATE DATABASE "{second}" TEMPLATE "{first}"')
    both = Site(site.directory.parent, server, first, second)
    backup = await both.back_up()
    assert (await both.verify(backup)).level is Level.VERIFIED
    assert [line for line in both.said if "is what was" in line] == [
        f"{name} is what was backed up" for name in (first, second)
    ]
    with pytest.raises(UsageError, match=f"holds {second}, which stack shop does not have"):
        await site.verify(backup)


async def test_a_verification_that_is_cut_leaves_no_copy_and_no_session(site: Site) -> None:
    name = site.stack.databases[0].name
    site.server.sql(name, "CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 100000)")
    backup = await site.back_up()
    task = asyncio.create_task(site.verify(backup))
    while not site.copies():
        assert not task.done()
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert site.copies() == []
    ours = f"application_name = 'ops-watchdog-verify-{backup.timestamp}' AND datname LIKE '{name}%'"
    assert site.server.sql("postgres", f"SELECT count(*) FROM pg_stat_activity WHERE {ours}") == [(0,)]
    assert find(site.directory, backup.timestamp).level is Level.CHECKED


class Full:
    """The server, with nearly no room left."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def __getattr__(self, name: str) -> object:
        return getattr(self._cluster, name)

    async def free_bytes(self) -> int:
        return 1024**2


async def test_without_room_nothing_is_restored(site: Site) -> None:
    backup = await site.back_up()
    site.clusters.seen_as = Full
    with pytest.raises(Refused, match=r"has 1 MiB free; make room on its"):
        await site.verify(backup)
    assert site.copies() == []


@pytest.mark.parametrize("packed", [False, True])
async def test_a_scripts_set_becomes_verified_and_its_dump_stays_as_it_was(site: Site, packed: bool) -> None:
    name = site.stack.databases[0].name
    backup = site.plain(name)
    path = site.directory / f"db_backup_{SCRIPT_TS}.sql"
    before = path.read_bytes()
    if packed:
        path.unlink()
        path = script_set(site.directory, SCRIPT_TS, gzip.compress(before), ".sql.gz")
        backup = site.script()
    bytes_before = path.read_bytes()
    verified = await site.verify(backup)
    assert (verified.level, verified.made_by_script, verified.release) == (Level.VERIFIED, True, None)
    assert path.read_bytes() == bytes_before
    contents = verified.contents(name)
    assert contents is not None
    assert contents.tables["public.users"].rows == 1000
    async with site.server.cluster(name).connect(name) as session:
        assert verified.schema(name) == await schema_fingerprint(session)
    assert site.copies() == []
    assert (await site.verify(verified)).level is Level.VERIFIED, "now it can be compared"
    damaged = bytearray(bytes_before)
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(Corrupt, match="differs"):
        await site.verify(site.script())
    assert site.script().level is Level.DAMAGED


async def test_a_scripts_set_that_was_cut_off_is_damaged(site: Site) -> None:
    backup = site.plain(site.stack.databases[0].name)
    path = site.directory / f"db_backup_{SCRIPT_TS}.sql"
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(Corrupt, match="cut off"):
        await site.verify(backup)
    assert site.script().level is Level.DAMAGED
    assert site.copies() == []


async def test_a_scripts_set_that_would_drop_the_live_database_is_refused_and_left_as_it_is(
    site: Site,
) -> None:
    backup = site.plain(site.stack.databases[0].name, "", "--create", "--clean")
    before = live_rows(site)
    with pytest.raises(Refused, match="could reach beyond its database"):
        await site.verify(backup)
    assert live_rows(site) == before
    assert (site.script().level, site.copies()) == (Level.UNVERIFIED, [])


async def test_one_dump_is_not_restored_into_two_databases(site: Site, server: Server) -> None:
    first = site.stack.databases[0].name
    both = Site(site.directory.parent, server, first, f"{first}_2")
    with pytest.raises(UsageError, match=rf"no dump that is clearly {first}_2's"):
        await both.verify(both.plain(first))
