"""Database, images and files go back together, on a real PostgreSQL; nothing is lost, wherever it dies."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.postgres_server import SCHEMA, Server
from tests.rollback.samples import deployment
from tests.rollback.world import Touch, World, undisturbed
from watchdog.backup.writer import take
from watchdog.clock import SystemClock
from watchdog.database.ports import Cluster
from watchdog.errors import StepFailed, Unreachable
from watchdog.rollback.operation import Outcome, Progress
from watchdog.rollback.run import Hands
from watchdog.stack import Database, Release

pytestmark = pytest.mark.engine
BEGUN = ["preflight", "stop_services", "restore_database"]
BACKED_UP, LATER = "before@example.com", "later@example.com"


class WatchedClusters:
    """Finds the test's server, and tells `touch` before each visit."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.touch: Touch = undisturbed

    async def of(self, database: Database, operation: str = "") -> Cluster:
        await self.touch("cluster")
        return self.server.cluster(database.name, operation)


class DatabaseWorld(World):
    """A world with a real database; its time is real too, since a fence waits for sessions to end."""

    clusters: WatchedClusters

    def hands(self) -> Hands:
        return replace(super().hands(), clusters=self.clusters, clock=SystemClock())

    def users(self) -> set[object]:
        wanted = f"SELECT email FROM users WHERE email IN ('{BACKED_UP}', '{LATER}')"
        return {email for (email,) in self.clusters.server.sql(self.stack.databases[0].name, wanted)}


Broken = tuple[DatabaseWorld, Release]


async def broken_deployment(root: Path, server: Server, database: str, *further: str) -> Broken:
    """Version 1 and its backup; then version 2, which changed the schema, and a row of a user.

    Each further database has a service of its own.
    """
    root.mkdir(exist_ok=True)
    world = DatabaseWorld(root)
    world.clusters = WatchedClusters(server)
    services = {"database": database, **{f"database-{name}": name for name in further}}
    databases = tuple(Database(service, name, "shop") for service, name in services.items())
    world.stack = replace(world.stack, databases=databases)
    await world.deploy("1")
    good = await world.release()
    server.sql(database, f"INSERT INTO users (email) VALUES ('{BACKED_UP}')")
    dumpers = {name: server.cluster(name) for name in services.values()}
    containers = [replace(server.container, service=service) for service in services]
    world.backup = await take(
        world.stack, good, containers, dumpers, root / "backups", clock=SystemClock(), reason="test"
    )
    await world.deploy("2")
    server.sql(database, "ALTER TABLE users ADD phone text", f"INSERT INTO users (email) VALUES ('{LATER}')")
    await world.ledger.write(good, deployment())
    return world, good


@pytest.fixture
async def broken(tmp_path: Path, server: Server, database: str) -> AsyncIterator[Broken]:
    world, good = await broken_deployment(tmp_path, server, database)
    yield world, good
    await world.ledger.close()


async def displaced(world: DatabaseWorld) -> str:
    """The name under which the former database stays, from the journal."""
    [operation] = await world.ledger.operations("shop")
    [step] = [s for s in await world.ledger.steps(operation.id) if s.step == "restore_database"]
    return str(step.facts["displaced"][world.stack.databases[0].name])


async def require_all_back(world: DatabaseWorld, good: Release) -> None:
    """Images, files, schema and rows; and every later row in the displaced database."""
    assert await world.release() == good
    assert world.users() == {BACKED_UP}
    server, name = world.clusters.server, world.stack.databases[0].name
    columns = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'phone'"
    assert server.sql(name, columns) == [(0,)]
    former = await displaced(world)
    assert server.databases(name) == {name: True, former: True}
    assert server.sql(former, columns) == [(1,)]
    assert server.sql(former, f"SELECT count(*) FROM users WHERE email = '{LATER}'") == [(1,)]


async def test_database_images_and_files_go_back_together(broken: Broken) -> None:
    world, good = broken
    operation = await world.roll_back(good)
    assert (operation.outcome, operation.detail) == (Outcome.SUCCEEDED, "")
    await require_all_back(world, good)
    report = (world.root / "incidents" / operation.id / "incident.md").read_text()
    assert await displaced(world) in report


async def test_a_kept_database_keeps_every_row(broken: Broken) -> None:
    world, good = broken
    operation = await world.roll_back(good, "keep database")
    assert operation.outcome is Outcome.SUCCEEDED
    assert world.users() == {BACKED_UP, LATER}


def expect_something_else(world: DatabaseWorld) -> None:
    """Let the backup's account disagree with its dump."""
    assert world.backup is not None
    [dump] = world.backup.dumps
    users = replace(dump.account.contents.tables["public.users"], rows=7)
    contents = replace(dump.account.contents, tables={**dump.account.contents.tables, "public.users": users})
    dump = replace(dump, account=replace(dump.account, contents=contents))
    world.backup = replace(world.backup, dumps=(dump,))


async def test_a_backup_that_holds_something_else_aborts_with_the_live_database_untouched(
    broken: Broken,
) -> None:
    """The dump restores, but is not what its account says: found before the swap."""
    world, good = broken
    expect_something_else(world)
    operation = await world.roll_back(good)
    assert operation.outcome is Outcome.ABORTED
    assert operation.detail.startswith("restore_database failed: ")
    assert "public.users" in operation.detail
    assert world.begun == [*BEGUN, "require_not_swapped", "start_again", "lift_fence"]
    assert (await world.running())["backend"] == "sha256:backend-2"
    assert world.users() == {BACKED_UP, LATER}


class SecondServerRefuses(WatchedClusters):
    """The second database is served by another service, which refuses once, when the first one is swapped."""

    def __init__(self, server: Server, second: str) -> None:
        super().__init__(server)
        self.second, self.refused = second, False

    async def of(self, database: Database, operation: str = "") -> Cluster:
        first = self.second.removesuffix("_second")
        swapped = any(name.startswith(f"{first}_pre_rollback_") for name in self.server.databases(first))
        if database.name == self.second and swapped and not self.refused:
            self.refused = True
            raise StepFailed("it refuses")
        return await super().of(database, operation)


async def test_a_swap_that_stands_is_never_met_by_the_newer_code(
    tmp_path: Path, server: Server, database: str
) -> None:
    """Of two servers the first was swapped and the second refused: held, fenced, and nothing is started."""
    second = f"{database}_second"
    server.sql("postgres", f'CREATE DATABASE "{second}"')
    world, good = await broken_deployment(tmp_path, server, database, second)
    world.clusters = SecondServerRefuses(server, second)
    operation = await world.roll_back(good)
    assert operation.outcome is Outcome.HELD
    assert operation.detail.startswith("restore_database failed: it refuses; then require_not_swapped")
    assert f"the swap of {database} stands" in operation.detail
    assert world.begun == [*BEGUN, "require_not_swapped"]
    assert await world.running() == {}
    assert server.databases(database)[database] is False, "the fence stays"
    [alert] = (await world.ledger.pending_alerts())[1:]
    assert "Nothing was replaced" not in alert.text
    await world.ledger.close()


async def test_an_abort_waits_for_a_server_that_restarts_and_opens_the_live_database(broken: Broken) -> None:
    """The server does not answer for a while after the services have been started again."""
    world, good = broken
    expect_something_else(world)
    silent = 2

    async def restarting(_: str) -> None:
        nonlocal silent
        if world.begun[-1] == "lift_fence" and silent:
            silent -= 1
            raise Unreachable("starting up")

    world.clusters.touch = restarting
    operation = await world.roll_back(good)
    assert operation.outcome is Outcome.ABORTED, operation.detail
    assert silent == 0
    assert (await world.running())["backend"] == "sha256:backend-2"
    assert world.users() == {BACKED_UP, LATER}


async def test_a_held_rollback_names_the_way_out_and_going_on_opens_the_database(broken: Broken) -> None:
    """After the swap the images could not be put back: the database stays fenced, the alert tells the way."""
    world, good = broken
    assert world.backup is not None
    name = world.stack.databases[0].name

    async def refuse(at: str) -> None:
        if at == "tag":
            raise StepFailed("no")

    world.let(refuse)
    held = await world.roll_back(good)
    assert held.outcome is Outcome.HELD
    assert world.clusters.server.databases(name)[name] is False
    text = (await world.ledger.pending_alerts())[-1].text
    go_on = f"--stack shop --backup-timestamp {world.backup.timestamp} --keep-database"
    assert f"To go on: ops-watchdog rollback --yes {go_on}" in text
    assert f"Database {name} is fenced" in text
    by_hand = f"-d postgres -c 'ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS true'"
    assert f"docker compose --project-name shop exec database psql -U shop {by_hand}" in text
    world.let(undisturbed)
    operation = await world.roll_back(good, "keep database")
    assert (operation.outcome, operation.detail) == (Outcome.SUCCEEDED, "")
    assert world.users() == {BACKED_UP}
    assert await world.release() == good


async def test_an_abort_does_not_open_what_an_earlier_rollback_left_fenced(broken: Broken) -> None:
    """Held after its swap, before images and files were back: the newer code does not fit that database."""
    world, good = broken
    server, name = world.clusters.server, world.stack.databases[0].name

    async def refuse(at: str) -> None:
        if at == "tag":
            raise StepFailed("no")

    world.let(refuse)
    assert (await world.roll_back(good)).outcome is Outcome.HELD
    world.let(undisturbed)
    expect_something_else(world)
    operation = await world.roll_back(good)
    assert operation.outcome is Outcome.ABORTED, operation.detail
    assert server.databases(name)[name] is False
    assert world.begun[-1] == "lift_fence"


class Death(BaseException):
    """The process is gone."""


@pytest.mark.parametrize(
    ("at", "time"),
    [("cluster", n) for n in range(8)] + [("config_hashes", 0), ("tag", 0), ("up", 0), ("probe", 0)],
)
async def test_wherever_it_dies_the_next_process_brings_all_of_it_back(
    broken: Broken, at: str, time: int
) -> None:
    """`cluster`: in preflight, before making way, while restoring and swapping, before lifting the fence."""
    world, good = broken
    left = time

    async def die(place: str) -> None:
        nonlocal left
        left -= place == at
        if left < 0:
            raise Death

    world.let(die)
    world.clusters.touch = die
    with contextlib.suppress(Death):
        await world.roll_back(good)
        pytest.fail("it lived")
    following = world.reborn()
    following.clusters = WatchedClusters(world.clusters.server)
    ended = await following.resume(good)
    if ended is not None:  # the last visit comes after the end was written
        assert (ended.outcome, ended.detail) == (Outcome.SUCCEEDED, "")
        await require_all_back(following, good)
    await following.ledger.close()


NAMED = "SELECT datname FROM pg_database WHERE starts_with(datname, 'postgres')"


@pytest.fixture
def postgres(server: Server) -> Iterator[str]:
    """The database that everybody connects to first, as the application's own; empty again afterwards."""
    server.sql("postgres", SCHEMA)
    yield "postgres"
    for name in [name for (name,) in server.sql("template1", NAMED)]:
        server.sql("template1", f'DROP DATABASE "{name}" WITH (FORCE)')
    server.sql("template1", "CREATE DATABASE postgres")


async def test_a_swap_that_stands_is_known_again_where_the_database_is_called_postgres(
    tmp_path: Path, server: Server, postgres: str
) -> None:
    """Killed before the step was journalled as done: nobody can connect to `postgres` any more."""
    world, good = await broken_deployment(tmp_path, server, postgres)

    async def die(place: str) -> None:
        if place == "config_hashes" and "restore_database" in world.begun:
            raise Death

    world.let(die)
    with contextlib.suppress(Death):
        await world.roll_back(good)
        pytest.fail("it lived")
    [operation] = await world.ledger.operations("shop")
    [step] = [s for s in await world.ledger.steps(operation.id) if s.step == "restore_database"]
    await world.ledger.write(replace(step, progress=Progress.INTENT, ended_at=None, facts={}))
    following = world.reborn()
    following.clusters = WatchedClusters(server)
    ended = await following.resume(good)
    assert ended is not None
    assert (ended.outcome, ended.detail) == (Outcome.SUCCEEDED, "")
    assert following.users() == {BACKED_UP}
    await following.ledger.close()
