"""The server that is measured, the demo's PostgreSQL in a Compose project of its own, and its databases.

Everything lies under the demo's directory, on the disk of the checkout; gone after the run, but the logs.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.images import build_images, docker
from demo.stage import HOME
from demo.versions import DATABASE_IMAGE
from rich.console import Console

from bench.database.content import KEYS, TABLES, rows
from watchdog.adapters.docker_engine import DockerEngine
from watchdog.adapters.postgres import PostgresCluster
from watchdog.adapters.postgres_container import InContainer
from watchdog.stack import Container, Database, Stack

PROJECT = "ops-watchdog-bench"
USER = "shop"
PASSWORD = "bench"
NAME = "shop"
SCALE = 2
"""About 700 MB."""
COMPOSE = f"""\
services:
  database:
    image: {DATABASE_IMAGE}
    labels: {{ops-watchdog.demo: "true"}}
    environment: {{POSTGRES_USER: {USER}, POSTGRES_PASSWORD: {PASSWORD}, POSTGRES_DB: {NAME}}}
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """`root` has room for dumps; the database `shop` is filled."""

    root: Path
    container: Container
    docker_host: str

    @property
    def compose(self) -> Path:
        return self.root / "compose.yaml"

    @property
    def stack(self) -> Stack:
        database = Database("database", NAME, USER)
        return Stack(NAME, PROJECT, self.root, (self.compose,), databases=(database,))

    @property
    def site(self) -> InContainer:
        return InContainer(self.container, self.docker_host)

    def cluster(self, operation: str = "bench") -> PostgresCluster:
        return PostgresCluster(
            self.site, self.stack.databases[0], application_name=f"ops-watchdog-{operation}"
        )

    def shell(self, script: str, **names: object) -> None:
        """A person's own commands, failing where any of a pipe fails; `names` become variables."""
        given: Mapping[str, str] = {name: str(value) for name, value in names.items()}
        environment = {**os.environ, "CONTAINER": self.container.id, **given}
        subprocess.run(["bash", "-euo", "pipefail", "-c", script], check=True, env=environment)

    def sql(self, database: str, *statements: str) -> str:
        """What psql prints of the statements, run by the server's own psql."""
        tool = ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-U", USER, database]
        return docker("exec", "--interactive", self.container.id, *tool, stdin=";\n".join(statements)).strip()

    def fill(self, database: str, scale: int, console: Console) -> None:
        """Tables, rows, keys, indexes; vacuumed, so that no measurement pays for the making."""
        console.print(f"filling database {database}: scale {scale}, about {350 * scale} MB")
        self.sql(database, TABLES)
        for statement in rows(scale):
            self.sql(database, statement)
        self.sql(database, KEYS, "VACUUM (ANALYZE)", "CHECKPOINT")


@contextmanager
def prepared(scale: int, console: Console) -> Iterator[Subject]:
    """The server, up and filled; removed with its volume at the end."""
    console.print("preparing the server (the first time, its image is built)")
    build_images()
    root = HOME / "database"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    (root / "compose.yaml").write_text(COMPOSE)
    _compose(root, "down", "--volumes")
    try:
        _compose(root, "up", "--detach", "--wait")
        docker_host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        subject = Subject(root, asyncio.run(_container(docker_host)), docker_host)
        subject.fill(NAME, scale, console)
        yield subject
    finally:
        _compose(root, "down", "--volumes")


async def _container(docker_host: str) -> Container:
    engine = DockerEngine(docker_host)
    try:
        [container] = await engine.containers(PROJECT)
    finally:
        await engine.close()
    return container


def _compose(root: Path, *words: str) -> None:
    docker(
        "compose", "--progress", "quiet", "--project-name", PROJECT, "--project-directory", str(root), *words
    )
