"""Real PostgreSQL servers for the tests of the database, the backup and their adapter.

The demo's database image on the engine of `make engine`; started by the first test that wants it, removed at
the end of the session. Where no engine answers, the tests fail: a skipped proof is none.

A test marked `each_major` runs on several major versions: 15 and 17, or those that POSTGRES_MAJORS names
("13 15 17": Debian's suites have these three).
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from demo.images import build_database
from demo.versions import POSTGRES

from watchdog.adapters.postgres import PostgresCluster
from watchdog.adapters.postgres_container import InContainer
from watchdog.adapters.postgres_external import External
from watchdog.stack import Container, Database

ROOT = Path(__file__).parent.parent
LABEL = "ops-watchdog.demo=true"
USER = "shop"
PASSWORD = "correct horse=' \\battery"
SMALL_DISK = "/small"
"""24 MiB in the server's container, for who wants a full one."""
MAJORS = tuple(int(major) for major in os.environ.get("POSTGRES_MAJORS", "15 17").split())
each_major = pytest.mark.parametrize("server", MAJORS, indirect=True, scope="session")
_started: list[str] = []
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Server:
    """A running container with PostgreSQL; `environment` makes `docker` find it."""

    container: Container
    docker_host: str
    major: int

    def cluster(self, database: str = "shop", operation: str = "test", user: str = USER) -> PostgresCluster:
        return PostgresCluster(
            self.site(), Database("database", database, user), application_name=f"ops-watchdog-{operation}"
        )

    def outside(
        self, database: str, operation: str = "test", password: Path | None = None, **options: Any
    ) -> PostgresCluster:
        """The same server as one outside of the stack, with the tools of this machine."""
        address = self.container.addresses[0]
        declared = Database(None, database, USER, password, address, **options)
        return PostgresCluster(
            External(address, declared.port), declared, application_name=f"ops-watchdog-{operation}"
        )

    def site(self) -> InContainer:
        return InContainer(self.container, self.docker_host)

    def connect(self, database: str, **options: object) -> psycopg.Connection:
        """A client of the application's own."""
        return psycopg.connect(
            host=self.container.addresses[0],
            user=options.pop("user", USER),  # type: ignore[arg-type]
            password=PASSWORD,
            dbname=database,
            autocommit=True,
        )

    def sql(self, database: str, *statements: str) -> list[tuple[object, ...]]:
        """Run statements and return the rows of the last one."""
        with self.connect(database) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def databases(self, prefix: str) -> dict[str, bool]:
        """The databases whose name starts with `prefix`, and whether they accept connections."""
        rows = self.sql(
            "postgres",
            f"SELECT datname, datallowconn FROM pg_database WHERE starts_with(datname, '{prefix}')",
        )
        return {str(name): bool(allowed) for name, allowed in rows}

    def drop(self, prefix: str) -> None:
        for name in self.databases(prefix):
            self.sql("postgres", f'DROP DATABASE "{name}" WITH (FORCE)')


def docker(*arguments: str, **options: object) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        capture_output=True,
        text=True,
        check=False,
        **options,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr.strip()}"
    return str(done.stdout)


@cache
def engine() -> str:
    """Let this process find the engine, and return its DOCKER_HOST."""
    script = f'eval "$("{ROOT}/scripts/engine/env")" && env -0'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"no Docker Engine answers (run 'make engine'): {done.stderr.strip()}"
    found = dict(line.split("=", 1) for line in done.stdout.split("\0") if "=" in line)
    for name in ("DOCKER_HOST", "DOCKER_CONFIG", "PATH"):
        if name in found:
            os.environ[name] = found[name]
    return found.get("DOCKER_HOST", "unix:///var/run/docker.sock")


@cache
def start(major: int = POSTGRES) -> Server:
    docker_host = engine()
    image = build_database(major)
    options = ["-c", "max_prepared_transactions=4", "-c", "wal_level=logical", "-c", "max_connections=60"]
    secret = {"POSTGRES_USER": USER, "POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": "shop"}
    container_id = docker(
        "run", "--detach", "--name", f"ops-watchdog-test-postgres-{major}-{os.getpid()}", "--label", LABEL,
        *(part for name in secret for part in ("--env", name)),
        "--tmpfs", f"{SMALL_DISK}:size=24m", image, *options,
        env={**os.environ, **secret},
    ).strip()  # fmt: skip
    docker("exec", container_id, "sh", "-c", "until pg_isready -q -h 127.0.0.1 -U shop; do sleep 0.05; done")
    _started.append(container_id)
    return Server(_inspected(container_id, image), docker_host, major)


def stop() -> None:
    """Remove the servers that were started."""
    while _started:
        docker("rm", "--force", "--volumes", _started.pop())
    start.cache_clear()


def _inspected(container_id: str, image: str) -> Container:
    [found] = json.loads(docker("inspect", container_id))
    environment = tuple(tuple(entry.split("=", 1)) for entry in found["Config"]["Env"])
    return Container(
        id=container_id,
        name=found["Name"].lstrip("/"),
        service="database",
        image=image,
        image_id=found["Image"],
        config_hash="",
        state="running",
        created_at=datetime.now(UTC),
        addresses=tuple(n["IPAddress"] for n in found["NetworkSettings"]["Networks"].values()),
        environment=environment,
    )


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Server:
    """Of the demo's major version, or the one that `each_major` gives; kept for the tests that follow."""
    request.config.add_cleanup(stop)
    return start(getattr(request, "param", POSTGRES))


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """A database of the test's own, with something of everything; gone afterwards with all made from it."""
    name = f"t{next(_numbers)}_{os.getpid()}"
    server.sql("postgres", f'CREATE DATABASE "{name}"')
    server.sql(name, SCHEMA)
    yield name
    server.drop(name)


SCHEMA = """
CREATE SCHEMA sales;
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE users (id bigserial PRIMARY KEY, email text UNIQUE, mood mood, born timestamptz, ratio float8);
CREATE TABLE sales."Order" (id int PRIMARY KEY, user_id bigint REFERENCES users, blob bytea, took interval);
CREATE TABLE measures (at date, value numeric) PARTITION BY RANGE (at);
CREATE TABLE measures_2026 PARTITION OF measures FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE alembic_version (version_num text PRIMARY KEY);
CREATE VIEW happy AS SELECT * FROM users WHERE mood = 'happy';
CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM users;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2';
INSERT INTO users (email, mood, born, ratio)
  SELECT n || '@example.com', 'happy', timestamptz '2026-01-01' + n * interval '1 hour', n / 3.0
  FROM generate_series(1, 1000) n;
INSERT INTO sales."Order"
  SELECT n, n, decode(md5(n::text), 'hex'), n * interval '90 s' FROM generate_series(1, 500) n;
INSERT INTO measures SELECT date '2026-01-01' + n, n * 1.5 FROM generate_series(1, 300) n;
INSERT INTO alembic_version VALUES ('abc123');
"""


async def pieces(data: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    """Bytes as an asynchronous stream."""
    for start_at in range(0, len(data), size):
        yield data[start_at : start_at + size]


async def collected(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])
