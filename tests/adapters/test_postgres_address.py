"""A query goes to the container that was meant, or nowhere: never to another server on the host."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from watchdog.adapters import postgres
from watchdog.adapters.postgres import PostgresCluster
from watchdog.adapters.postgres_container import InContainer
from watchdog.errors import Unreachable
from watchdog.stack import Container, Database


async def asked(monkeypatch: pytest.MonkeyPatch, **fields: object) -> list[object]:
    """The hosts that a connection to a container with these fields goes to."""
    hosts: list[object] = []

    @asynccontextmanager
    async def connected(**options: object) -> AsyncIterator[None]:
        hosts.append(options["host"])
        yield

    monkeypatch.setattr(postgres, "connected", connected)
    about = {"id": "1", "name": "shop-db-1", "service": "db", "image": "i", "image_id": "i"}
    state = {"config_hash": "h", "state": "running", "created_at": datetime.now(UTC)}
    container = Container(**{**about, **state, **fields})  # type: ignore[arg-type]
    database = Database("db", "shop", "shop")
    cluster = PostgresCluster(InContainer(container), database, application_name="ops-watchdog-test")
    async with cluster.connect("shop"):
        return hosts


async def test_asks_at_the_containers_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await asked(monkeypatch, addresses=("172.28.1.2", "172.29.1.2")) == ["172.28.1.2"]


async def test_asks_at_loopback_only_where_the_container_is_in_the_hosts_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await asked(monkeypatch, host_network=True) == ["127.0.0.1"]
    with pytest.raises(Unreachable, match="container shop-db-1 of service db has no address"):
        await asked(monkeypatch)
