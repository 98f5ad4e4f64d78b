"""Holds one snapshot of a database for a dump, and finds out under it what the dump must contain.

Fulfils `backup.ports.OpenDump` for `postgres.PostgresCluster`: the snapshot lives as long as the transaction
that exported it, so the counting runs in that same transaction while pg_dump reads under the same snapshot.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Protocol

from watchdog.backup.backup import Account
from watchdog.backup.policy import Hashing
from watchdog.database import contents
from watchdog.database.demands import read_demands
from watchdog.database.fingerprint import fingerprint_in
from watchdog.database.losses import origin
from watchdog.database.measuring import measure
from watchdog.database.ports import Cluster, Session
from watchdog.database.properties import read_properties
from watchdog.errors import StepFailed
from watchdog.stack import Contents


class DumpingCluster(Cluster, Protocol):
    """A cluster whose dumps can be closed early."""

    def dump(self, database: str, snapshot: str) -> AsyncGenerator[bytes, None]: ...


@asynccontextmanager
async def snapshot_dump(cluster: DumpingCluster, database: str) -> AsyncIterator[SnapshotDump]:
    """Freeze a database's contents until the end of the block."""
    async with cluster.connect(database) as session:
        sequences = await contents.sequences(session)
        async with contents.frozen(session) as snapshot:
            yield SnapshotDump(cluster, session, database, snapshot, sequences)


class SnapshotDump:
    """See `backup.ports.OpenDump`."""

    def __init__(
        self,
        cluster: DumpingCluster,
        session: Session,
        database: str,
        snapshot: str,
        sequences: Mapping[str, int],
    ) -> None:
        self._cluster = cluster
        self._session = session
        self._database = database
        self._snapshot = snapshot
        self._sequences = sequences

    def chunks(self) -> AsyncGenerator[bytes, None]:
        return self._cluster.dump(self._database, self._snapshot)

    async def account(self, hashes: Hashing) -> Account:
        session = self._session
        [(size, snapshot)] = await session.rows(
            "SELECT pg_database_size(current_database()), pg_current_snapshot()::text"
        )
        properties = await read_properties(session, self._database)
        if properties is None:
            raise StepFailed(f"database {self._database} vanished while it was dumped")
        chosen = contents.hashes_for(int(size)) if hashes == "auto" else hashes
        return Account(
            snapshot=str(snapshot),
            size_bytes=int(size),
            schema_fingerprint=await fingerprint_in(session),
            properties=asdict(properties),
            contents=Contents(
                server_version=await contents.server_version(session),
                tables=await measure(session, chosen),
                sequences=dict(self._sequences),
            ),
            origin=await origin(session),
            demands=asdict(await read_demands(session)),
        )
