"""What a rollback displaced is opened, accounted for, dumped, and dropped in time: on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tests.postgres_server import Server
from tests.rollback.test_with_database import BACKED_UP, DatabaseWorld, broken_deployment
from watchdog.adapters.postgres import PostgresCluster
from watchdog.alert.outbox import Outbox
from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import catalogue
from watchdog.backup.displaced_dump import read_displaced_dump
from watchdog.backup.policy import BackupPolicy
from watchdog.clock import SystemClock
from watchdog.daemon.chores import protected_timestamps
from watchdog.daemon.client import Caller
from watchdog.daemon.guard import Guard
from watchdog.daemon.lone import pipe
from watchdog.daemon.requests import REQUESTS
from watchdog.daemon.tools import Tools
from watchdog.deploy.policy import DeploymentPolicy
from watchdog.errors import Refused, StepFailed, UsageError
from watchdog.incident.incident import read
from watchdog.rollback.displaced import Displaced
from watchdog.rollback.operation import Operation, Outcome
from watchdog.rollback.policy import RollbackPolicy
from watchdog.settings.build import StackSettings
from watchdog.stack import Database, Release

pytestmark = pytest.mark.engine
KEPT = timedelta(hours=72)


class LaterClock(SystemClock):
    """A host's clock that somebody moves on."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


@dataclass(frozen=True)
class Found:
    """The test's server, for every database."""

    server: Server

    async def of(self, database: Database, operation: str = "") -> PostgresCluster:
        return self.server.cluster(database.name, operation)


class Ward:
    """One stack whose database was displaced; `guard` is what the next process makes of it."""

    def __init__(self, world: DatabaseWorld, good: Release) -> None:
        self.world, self.good = world, good
        self.server = world.clusters.server
        self.clock = LaterClock()
        self.reserve = 0

    @property
    def live(self) -> str:
        return self.world.stack.databases[0].name

    @property
    def backups(self) -> Path:
        return self.world.root / "backups"

    def guard(self) -> Guard:
        hands = replace(self.world.hands(), clock=self.clock)
        settings = StackSettings(
            stack=self.world.stack,
            checks=(),
            deployment=DeploymentPolicy(),
            backup=BackupPolicy(self.backups, disk_reserve=self.reserve),
            rollback=RollbackPolicy(keep_displaced=KEPT),
        )
        outbox = Outbox(self.world.ledger, None, self.clock)
        return Guard(Tools(settings, hands, self.world.ledger, outbox, _no_backup, Found(self.server)))

    async def roll_back(self) -> Operation:
        operation = await self.world.roll_back(self.good)
        self.alerts_before = len(await self.world.ledger.pending_alerts())
        return operation

    async def care(self, later: timedelta = timedelta(0)) -> Displaced:
        """What happens at the next hour, so much later."""
        self.clock.ahead += later
        guard = self.guard()
        guard.aftercare.soon()
        await guard.aftercare.done()
        [record] = await self.world.ledger.displaced("shop")
        return record

    async def told(self) -> list[tuple[str, str]]:
        """Titles and texts since the rollback ended."""
        alerts = (await self.world.ledger.pending_alerts())[self.alerts_before :]
        return [(alert.title, alert.text) for alert in alerts]

    def exists(self, record: Displaced) -> bool:
        return record.name in self.server.databases(self.live)


async def _no_backup(*_: object) -> Backup:
    raise StepFailed("no backup is wanted here")


@pytest.fixture
async def ward(tmp_path: Path, server: Server, database: str) -> AsyncIterator[Ward]:
    world, good = await broken_deployment(tmp_path, server, database)
    yield Ward(world, good)
    await world.ledger.close()


async def test_tells_in_incident_and_alert_what_was_displaced_and_dumps_it(ward: Ward) -> None:
    ward.server.sql(ward.live, "UPDATE users SET mood = 'sad' WHERE id < 4", 'DELETE FROM sales."Order"')
    operation = await ward.roll_back()
    record = await ward.care()
    assert None not in (record.opened_at, record.accounted_at, record.dumped_at)
    assert (record.proved_at, record.gone_at, record.trouble) == (None, None, "")
    incident = read(ward.world.root / "incidents", operation.id)
    [loss] = incident.lost
    tables = {t.table: (t.inserted, t.updated, t.deleted, t.note) for t in loss.tables}
    assert tables == {
        "public.users": (1, 3, 0, "not compared: phone"),
        'sales."Order"': (0, 0, 500, ""),
    }
    [(title, text)] = await ward.told()
    assert title == f"rollback {operation.id}: what was displaced from {ward.live}"
    assert "1 inserted, 3 updated and 500 deleted rows in 2 tables" in text
    assert "public.users: 1 inserted, 3 updated (not compared: phone)" in text
    assert f"ops-watchdog incidents salvage {operation.id} --stack shop" in text
    made = read_displaced_dump(ward.backups, record.dump)
    assert made.dump.account.contents.tables["public.users"].rows == 1002
    assert len(catalogue(ward.backups)) == 1, "it is no backup set"


async def test_doing_it_again_changes_nothing_and_tells_nothing(ward: Ward) -> None:
    await ward.roll_back()
    first = await ward.care()
    assert await ward.care() == first
    assert len(await ward.told()) == 1


async def test_what_a_held_rollback_displaced_is_accounted_for_and_kept(ward: Ward) -> None:
    async def refuse(at: str) -> None:
        if at == "tag":
            raise StepFailed("no")

    ward.world.let(refuse)
    assert (await ward.roll_back()).outcome is Outcome.HELD
    ward.server.sql("postgres", f'ALTER DATABASE "{ward.live}" ALLOW_CONNECTIONS true')
    record = await ward.care()
    assert record.dumped_at is not None
    assert [t for t, _ in await ward.told()] == [
        f"rollback {record.operation}: what was displaced from {ward.live}"
    ]
    assert (await ward.care(2 * KEPT)).gone_at is None
    assert ward.exists(record)


async def test_is_dropped_when_its_time_is_over_and_its_dump_is_proved(ward: Ward) -> None:
    await ward.roll_back()
    record = await ward.care()
    assert (await ward.care(KEPT - timedelta(minutes=1))).proved_at is None
    assert ward.exists(record)
    record = await ward.care(timedelta(minutes=1))
    assert record.proved_at is not None
    assert ward.server.databases(ward.live) == {ward.live: True}
    title, text = (await ward.told())[-1]
    assert title == f"displaced database {record.name} dropped"
    assert record.dump in text
    assert read_displaced_dump(ward.backups, record.dump)
    kept = await ward.care(timedelta(days=29))
    assert kept.forgotten_at is None
    assert await protected_timestamps(ward.guard()) == {kept.backup}, "it tells displaced rows apart"
    assert (await ward.care(timedelta(days=1))).forgotten_at is not None
    assert not list(ward.backups.glob("pre_rollback_*"))
    assert await protected_timestamps(ward.guard()) == set()
    assert len(catalogue(ward.backups)) == 1


async def test_a_dump_that_was_damaged_is_made_anew_before_anything_is_dropped(ward: Ward) -> None:
    await ward.roll_back()
    record = await ward.care()
    path = ward.backups / record.dump
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    record = await ward.care(KEPT)
    assert (record.dumped_at, record.proved_at) == (None, None)
    assert ward.server.databases(ward.live) == {ward.live: True, record.name: True}
    assert (await ward.told())[-1][0] == f"the dump of {record.name} is made anew"
    record = await ward.care(timedelta(hours=1))
    assert (record.gone_at is not None, record.trouble) == (True, "")


async def test_a_dump_that_somebody_deleted_is_made_anew(ward: Ward) -> None:
    await ward.roll_back()
    record = await ward.care()
    (ward.backups / record.dump).unlink()
    assert (await ward.care(KEPT)).gone_at is None
    record = await ward.care(timedelta(hours=1))
    assert record.gone_at is not None
    assert (ward.backups / record.dump).exists()


async def test_below_the_disk_reserve_nothing_is_dumped_or_dropped_and_it_is_told_once(ward: Ward) -> None:
    await ward.roll_back()
    ward.reserve = 2**60
    for _ in range(2):
        record = await ward.care(KEPT)
    assert (record.dumped_at, record.gone_at) == (None, None)
    assert ward.exists(record)
    [(title, text)] = (await ward.told())[1:]
    assert title == f"the displaced database {record.name} needs a look"
    assert "make room" in text
    ward.reserve = 0
    record = await ward.care()
    assert (record.gone_at is not None, record.trouble) == (True, "")


async def test_a_replication_slot_keeps_it_and_is_told_with_the_remedy(ward: Ward) -> None:
    slot = f"slot_{ward.live}"
    ward.server.sql(ward.live, f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")
    await ward.roll_back()
    await ward.care()
    record = await ward.care(KEPT)
    assert ward.exists(record)
    assert f"SELECT pg_drop_replication_slot('{slot}')" in (await ward.told())[-1][1]
    ward.server.sql("postgres", f"SELECT pg_drop_replication_slot('{slot}')")
    assert (await ward.care(timedelta(hours=1))).gone_at is not None


async def test_rows_that_somebody_wrote_into_it_after_its_dump_are_dumped_before_it_is_dropped(
    ward: Ward,
) -> None:
    """Read-only is a default: whoever may connect can set it aside."""
    await ward.roll_back()
    record = await ward.care()
    late = "INSERT INTO users (email) VALUES ('late@example.com')"
    ward.server.sql(record.name, "SET default_transaction_read_only = off", late)
    record = await ward.care(KEPT)
    assert (record.dumped_at, record.proved_at) == (None, None)
    assert ward.exists(record)
    assert "wrote in" in (await ward.told())[-1][1]
    record = await ward.care(timedelta(hours=1))
    assert (record.gone_at is not None, record.trouble) == (True, "")
    made = read_displaced_dump(ward.backups, record.dump)
    assert made.dump.account.contents.tables["public.users"].rows == 1003


async def test_a_dump_that_rots_after_its_proof_is_made_anew_before_anything_is_dropped(ward: Ward) -> None:
    """Somebody reads the displaced database for days after its dump was proved."""
    await ward.roll_back()
    record = await ward.care()
    with ward.server.connect(record.name):
        record = await ward.care(KEPT)
    assert record.proved_at is not None
    path = ward.backups / record.dump
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    record = await ward.care(timedelta(days=2))
    assert (record.dumped_at, record.proved_at) == (None, None)
    assert ward.exists(record)
    assert (await ward.care(timedelta(hours=1))).gone_at is not None


async def test_a_drop_is_told_although_the_process_died_of_it(ward: Ward) -> None:
    await ward.roll_back()
    await ward.care()
    with ward.server.connect((await ward.care()).name):
        record = await ward.care(KEPT)
    ward.server.drop(record.name)
    record = await ward.care(timedelta(hours=1))
    assert record.gone_at is not None
    assert (await ward.told())[-1][0] == f"displaced database {record.name} dropped"


async def test_one_that_an_undo_that_failed_left_fenced_is_opened_again_and_dropped(ward: Ward) -> None:
    await ward.roll_back()
    record = await ward.care()
    ward.server.sql("postgres", f'ALTER DATABASE "{record.name}" ALLOW_CONNECTIONS false')
    assert (await ward.care(KEPT)).gone_at is not None


async def test_what_an_undo_brought_back_is_not_put_back_over_it(ward: Ward) -> None:
    """A row that is missing then was deleted by somebody, not lost by the rollback."""
    operation = await ward.roll_back()
    record = await ward.care()
    undo = replace(
        operation, id="20261122_000000-shop", undoes=operation.id, returning={ward.live: record.name}
    )
    await ward.world.ledger.write(replace(undo, started_at=ward.clock.now()))
    guard, caller = ward.guard(), Caller(1, 0, "root")
    arguments = {"incident": operation.id, "apply": True}
    with pytest.raises(Refused, match=f"was undone by {undo.id}"):
        await REQUESTS["salvage"](guard, arguments, pipe()[0], caller)
    assert ward.world.users() == {BACKED_UP}


async def test_a_salvage_of_a_table_that_is_not_there_leaves_no_directory(ward: Ward) -> None:
    operation = await ward.roll_back()
    await ward.care()
    guard, caller = ward.guard(), Caller(1, 0, "root")
    arguments = {"incident": operation.id, "tables": ["nosuch"]}
    with pytest.raises(UsageError, match="nosuch"):
        await REQUESTS["salvage"](guard, arguments, pipe()[0], caller)
    assert not list(guard.tools.hands.incident_directory.glob("*/salvage_*"))


async def test_somebody_who_reads_it_is_not_thrown_out(ward: Ward) -> None:
    await ward.roll_back()
    record = await ward.care()
    with ward.server.connect(record.name) as reader:
        assert (await ward.care(KEPT)).gone_at is None
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.execute("DELETE FROM users")
    assert (await ward.care(timedelta(hours=1))).gone_at is not None


async def test_one_that_a_person_dropped_is_let_go(ward: Ward) -> None:
    operation = await ward.roll_back()
    [step] = [s for s in await ward.world.ledger.steps(operation.id) if s.step == "restore_database"]
    ward.server.drop(step.facts["displaced"][ward.live])
    record = await ward.care()
    assert (record.gone_at is not None, record.dumped_at) == (True, None)
    assert await ward.told() == []


STAGES = ("opened_at", "accounted_at", "dumped_at", "proved_at", "gone_at")


@pytest.mark.parametrize("stage", ["accounted_at", "dumped_at", "gone_at"])
async def test_a_process_that_dies_before_a_stage_is_written_down_repeats_it(ward: Ward, stage: str) -> None:
    """The stage was carried out, and the next process knows nothing of it."""
    await ward.roll_back()
    await ward.care()
    record = await ward.care(KEPT)
    if stage != "gone_at":  # as it stood before
        ward.server.sql("postgres", f'CREATE DATABASE "{record.name}" TEMPLATE "{ward.live}"')
    lost = dict.fromkeys(STAGES[STAGES.index(stage) :])
    await ward.world.ledger.write(replace(record, **lost))  # type: ignore[arg-type]
    record = await ward.care()
    assert (record.gone_at is not None, record.trouble) == (True, "")
    assert ward.server.databases(ward.live) == {ward.live: True}
    assert set(_dumps(ward.backups)) == {record.dump, record.dump.replace(".dump.zst", ".json")}


def _dumps(directory: Path) -> Sequence[str]:
    return [path.name for path in directory.glob("pre_rollback_*")]
