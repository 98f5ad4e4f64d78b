"""The night's work on a real stack: a backup, then retention and compression of what scripts have left."""

from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from demo.shop import Shop

from tests.end_to_end.guarded import Guarded
from tests.end_to_end.sections import shop_section
from watchdog.backup.backup import Level
from watchdog.backup.catalogue import catalogue, check_files
from watchdog.cli.context import Context
from watchdog.daemon.guard import Guard
from watchdog.daemon.post import Post
from watchdog.daemon.schedule import Schedule, daily

pytestmark = pytest.mark.engine

DAILY = {"daily": "02:00", "keep_days": 30, "min_keep": 7, "compress_after": "7d", "disk_reserve": "16MiB"}
DUMP = "CREATE TABLE users (id integer);\n"


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    """Ten that a script made in as many months, and one of yesterday."""
    directory = tmp_path / "backups"
    directory.mkdir()
    now = datetime.now(UTC)
    for days in (1, *range(40, 340, 30)):
        then = now - timedelta(days=days)
        for name, text in (
            (f"db_backup_{then:%Y%m%d_%H%M%S}.sql", DUMP),
            (f"compose_{then:%Y%m%d_%H%M%S}.yml", "x"),
        ):
            (directory / name).write_text(text)
            os.utime(directory / name, (then.timestamp(), then.timestamp()))
    return directory


@pytest.fixture
async def guard(shop: Shop, backups: Path, tmp_path: Path) -> AsyncIterator[Guard]:
    """As the daemon has it, with everything real behind it."""
    section = shop_section(shop, backups, backup={"directory": str(backups), **DAILY})
    context = Context(Guarded(tmp_path, {"shop": section}).configuration)
    async with context.application() as application:
        post = Post(application.tools(context.stack("shop")))
        post.start()
        await post.guard.looker.look_now()
        yield post.guard
        await post.stop()


async def test_the_night_brings_a_backup_and_tidies_up_but_never_among_the_last_seven(
    guard: Guard, backups: Path
) -> None:
    await daily(guard)
    found = catalogue(backups)
    assert (found[0].level, found[0].reason) == (Level.COMPLETE, "scheduled")
    check_files(found[0])
    assert (backups / ".latest_backup").read_text().strip() == found[0].timestamp
    legacy = found[1:]
    assert len(legacy) == 7, "the newest ones stay, older than 30 days as all but one are"
    assert {backup.level for backup in legacy} == {Level.UNVERIFIED}
    (young,) = backups.glob("db_backup_*.sql")
    assert young.name == f"db_backup_{legacy[0].timestamp}.sql", "too young to be compressed"
    archives = sorted(backups.glob("db_backup_*.sql.gz"))
    assert len(archives) == 6
    assert {gzip.decompress(archive.read_bytes()).decode() for archive in archives} == {DUMP}
    assert len(list(backups.glob("compose_*.yml"))) == 8, "a set goes as a whole"


async def test_it_is_due_at_the_configured_hour_of_the_day_in_utc(guard: Guard) -> None:
    schedule = Schedule({"shop": guard})
    schedule.start()
    try:
        due = schedule.next_run("shop")
        assert due is not None
        assert (due.hour, due.minute, due.utcoffset()) == (2, 0, timedelta(0))
        assert due - datetime.now(UTC) <= timedelta(days=1)
    finally:
        await schedule.stop()
