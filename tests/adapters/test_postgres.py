"""The cluster adapter against a real server: passwords from everywhere, errors in our own words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.postgres_server import PASSWORD, Server, docker
from watchdog.adapters.postgres import PostgresCluster
from watchdog.adapters.postgres_container import InContainer
from watchdog.database.ports import InUse
from watchdog.errors import ConfigError, StepFailed, Unreachable
from watchdog.stack import Container, Database

pytestmark = pytest.mark.engine


def cluster(server: Server, container: Container, password_file: Path | None = None) -> PostgresCluster:
    database = Database("database", "shop", "shop", password_file)
    site = InContainer(container, server.docker_host)
    return PostgresCluster(site, database, application_name="ops-watchdog-test")


def environment(server: Server, **changes: str | None) -> Container:
    merged = {**dict(server.container.environment), **changes}
    return replace(
        server.container,
        environment=tuple((name, value) for name, value in merged.items() if value is not None),
    )


async def who(connected: PostgresCluster) -> str:
    async with connected.connect("shop") as session:
        [(name,)] = await session.rows("SELECT current_setting('application_name')")
    return str(name)


async def test_takes_the_password_from_the_containers_environment(server: Server) -> None:
    assert await who(cluster(server, server.container)) == "ops-watchdog-test"


async def test_takes_the_password_from_the_operators_file(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    container = environment(server, POSTGRES_PASSWORD="wrong")
    assert await who(cluster(server, container, file)) == "ops-watchdog-test"


async def test_takes_the_password_from_a_file_inside_the_container(server: Server) -> None:
    script = f'printf "%s\\n" "$POSTGRES_PASSWORD" >{(path := "/tmp/secret")}'
    docker("exec", server.container.id, "sh", "-c", script)
    container = environment(server, POSTGRES_PASSWORD=None, POSTGRES_PASSWORD_FILE=path)
    assert await who(cluster(server, container)) == "ops-watchdog-test"


async def test_a_password_file_that_is_missing_is_named(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        await who(cluster(server, server.container, tmp_path / "missing"))


async def test_a_wrong_password_and_a_server_that_is_gone_are_unreachable(server: Server) -> None:
    with pytest.raises(Unreachable, match="password authentication failed"):
        await who(cluster(server, environment(server, POSTGRES_PASSWORD="wrong")))
    with pytest.raises(Unreachable, match="cannot be reached"):
        await who(cluster(server, replace(server.container, addresses=("127.0.0.2",))))
    gone = cluster(server, replace(server.container, id="no-such-container"))
    with pytest.raises(Unreachable, match="start the database service"):
        await gone.free_bytes()


async def test_refusals_carry_the_servers_words(server: Server) -> None:
    async with cluster(server, server.container).connect("postgres") as session:
        with pytest.raises(StepFailed, match='relation "nothing" does not exist'):
            await session.rows("SELECT * FROM nothing")
        with pytest.raises(InUse):
            async with cluster(server, server.container).connect("shop"):
                await session.execute("ALTER DATABASE shop RENAME TO other")
        assert await session.rows("SELECT 1") == [(1,)]


async def test_a_statement_that_takes_too_long_is_given_up(server: Server) -> None:
    async with cluster(server, server.container).connect("shop") as session:
        with pytest.raises(Unreachable, match="did not answer in time"):
            await session.execute("SELECT pg_sleep(60)", timedelta(seconds=0.2))


async def test_a_transaction_is_all_or_nothing(server: Server) -> None:
    async with cluster(server, server.container).connect("shop") as session:

        async def fail_midway() -> None:
            async with session.transaction():
                await session.execute("CREATE TABLE half (id int)")
                await session.execute("SELECT 1 / 0")

        with pytest.raises(StepFailed, match="division by zero"):
            await fail_midway()
        assert await session.rows("SELECT to_regclass('half')") == [(None,)]
