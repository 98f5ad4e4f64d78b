"""What the backup's tests put in: a stack, a release, a database server of their own making."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.fakes import FakeClock
from watchdog.backup.backup import Account, Backup
from watchdog.backup.policy import Hashing
from watchdog.backup.writer import take
from watchdog.stack import (
    ConfigFile,
    Container,
    Contents,
    Database,
    Release,
    ServiceRelease,
    Stack,
    TableCount,
)

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
TS = "20261120_090000"
ARCHIVE = b"PGDMP" + bytes(range(256)) * 5000
STACK = Stack(
    name="shop",
    project="shop",
    directory=Path("/opt/shop"),
    files=(Path("/opt/shop/compose.yaml"),),
    databases=(Database("database", "shop", "shop"),),
)
RELEASE = Release(
    id="r1",
    stack="shop",
    captured_at=AT,
    services=(
        ServiceRelease(
            "backend", "shop/backend:1.0", "sha256:aaa", "hash1", ("shop/backend@sha256:1",), False
        ),
        ServiceRelease("database", "postgres:15", "sha256:bbb", "hash2"),
    ),
    files=(
        ConfigFile(Path("/opt/shop/compose.yaml"), b"services: {}\n", 0o644, 0, 0),
        ConfigFile(Path("/opt/shop/.env"), b"SECRET=\xff\x00binary\n", 0o600, 1000, 1000),
    ),
)
ACCOUNT = Account(
    snapshot="100:100:",
    size_bytes=1000,
    schema_fingerprint="f" * 64,
    properties={"owner": "shop", "encoding": "UTF8"},
    contents=Contents(
        150018, {"public.users": TableCount(3, "17"), "public.big": TableCount(9)}, {"public.s": 4}
    ),
    origin="7000.16384",
)


def container(service: str, name: str = "") -> Container:
    return Container(
        id=f"id-{service}",
        name=name or f"shop-{service}-1",
        service=service,
        image=f"shop/{service}:1.0",
        image_id="sha256:aaa",
        config_hash="hash",
        state="running",
        created_at=AT,
    )


CONTAINERS = (container("database"), container("backend"))


class FakeDumper:
    """Dumps `archive`; `fault` is called when all of it was read."""

    user = "shop"

    def __init__(self, archive: bytes = ARCHIVE, fault: Callable[[], None] = lambda: None) -> None:
        self.archive = archive
        self.fault = fault

    @asynccontextmanager
    async def dumping(self, database: str) -> AsyncIterator[FakeDumper]:
        yield self

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        for start in range(0, len(self.archive), 70_000):
            yield self.archive[start : start + 70_000]
        self.fault()

    async def account(self, hashes: Hashing) -> Account:
        return ACCOUNT

    def properties_sql(self, database: str, properties: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"ALTER DATABASE {database} OWNER TO {properties['owner']}",)

    async def globals(self) -> str:
        return "CREATE ROLE shop;\n"


async def make(
    directory: Path, at: datetime = AT, dumper: FakeDumper | None = None, release: Release | None = RELEASE
) -> Backup:
    """A complete backup on disk."""
    return await take(
        STACK,
        release,
        CONTAINERS,
        {"shop": dumper or FakeDumper()},
        directory,
        clock=FakeClock(at),
        reason="before deployment",
        disk_reserve=0,
    )


def script_set(directory: Path, timestamp: str, dump: bytes = b"SELECT 1;\n", suffix: str = ".sql") -> Path:
    """A set as the guide's shell commands leave it."""
    directory.mkdir(exist_ok=True)
    path = directory / f"db_backup_{timestamp}{suffix}"
    path.write_bytes(dump)
    (directory / f"compose_{timestamp}.yml").write_text("services: {}\n")
    (directory / f"containers_{timestamp}.txt").write_text("CONTAINER ID\n")
    return path
