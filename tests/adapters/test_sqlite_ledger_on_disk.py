"""What the ledger promises about the disk: committed rows survive, strangers' files are refused."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.fakes import MORNING
from watchdog.adapters.sqlite_ledger import SCHEMA_VERSION, SqliteLedger
from watchdog.alert import Alert, Level
from watchdog.errors import WatchdogError

ALERT = Alert("a1", "shop", Level.CRITICAL, "held", "text", MORNING)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    ledger = SqliteLedger(tmp_path / "state" / "state.db")
    yield ledger
    await ledger.close()


async def test_the_state_is_the_owners_alone(ledger: SqliteLedger, tmp_path: Path) -> None:
    await ledger.write(ALERT)
    files = (tmp_path / "state").iterdir()
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


async def test_another_process_reads_what_was_committed(ledger: SqliteLedger, tmp_path: Path) -> None:
    await ledger.write(ALERT)
    other = SqliteLedger(tmp_path / "state" / "state.db")
    assert await other.pending_alerts() == (ALERT,)
    await other.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from watchdog.adapters.sqlite_ledger import SqliteLedger
from watchdog.rollback.ledger import Audit
from datetime import UTC, datetime

async def main() -> None:
    ledger = SqliteLedger(Path(sys.argv[1]))
    for number in range(1_000_000):
        pair = [Audit("shop", datetime.now(UTC), "writer", half, str(number)) for half in ("a", "b")]
        await ledger.write(*pair)
        print(number, flush=True)

asyncio.run(main())
"""


def killed_writer(path: Path) -> int:
    """A process that writes pairs of rows until it is killed; the number of the last one it acknowledged."""
    argv = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(50)]
        writer.send_signal(signal.SIGKILL)
    return acknowledged[-1]


async def test_what_was_committed_survives_the_writers_sudden_death(tmp_path: Path) -> None:
    acknowledged = killed_writer(tmp_path / "state.db")
    ledger = SqliteLedger(tmp_path / "state.db")
    rows = await ledger.audits("shop", limit=1_000_000)
    await ledger.close()
    halves = {half: [int(a.detail) for a in reversed(rows) if a.action == half] for half in ("a", "b")}
    assert halves["a"] == halves["b"] == list(range(len(halves["a"])))
    assert len(halves["a"]) > acknowledged


async def test_a_state_of_a_newer_version_is_refused_again_and_again_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    ledger = SqliteLedger(path)
    for _ in range(2):
        with pytest.raises(
            WatchdogError, match=r"written by a newer version \(schema 2.*install that version"
        ):
            await ledger.write(ALERT)
    await ledger.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


async def test_a_field_that_a_newer_version_added_is_passed_over(
    ledger: SqliteLedger, tmp_path: Path
) -> None:
    await ledger.write(ALERT)
    with sqlite3.connect(tmp_path / "state" / "state.db") as connection:
        connection.execute("UPDATE outbox SET document = json_set(document, '$.channel', '#ops')")
    assert await ledger.pending_alerts() == (ALERT,)


def _in_the_way(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("no directory")
    return tmp_path / "file" / "state.db"


def _a_directory(tmp_path: Path) -> Path:
    (tmp_path / "state.db").mkdir()
    return tmp_path / "state.db"


def _no_database(tmp_path: Path) -> Path:
    (tmp_path / "state.db").write_text("something else entirely" * 100)
    return tmp_path / "state.db"


@pytest.mark.parametrize("place", [_in_the_way, _a_directory, _no_database])
async def test_an_unusable_place_is_named_with_a_remedy(
    tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    ledger = SqliteLedger(place(tmp_path))
    for _ in range(2):
        with pytest.raises(WatchdogError, match=r"state\.db cannot be used: .*; check the disk's free space"):
            await ledger.write(ALERT)
    await ledger.close()
