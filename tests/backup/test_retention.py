"""What expires, and the floors that hold whatever the policy and the sets are."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backup.sets import AT, TS, make, script_set
from watchdog.backup.backup import Backup, FileEntry, Level
from watchdog.backup.catalogue import catalogue
from watchdog.backup.policy import BackupPolicy
from watchdog.backup.retention import expired, kept, prune, sweep
from watchdog.clock import timestamp

NOW = AT
DAY = timedelta(days=1)
POLICY = BackupPolicy(Path("/backups"))


def aged(days: float, level: Level = Level.COMPLETE, **fields: object) -> Backup:
    at = NOW - timedelta(days=days)
    return replace(Backup(POLICY.directory, timestamp(at), at, level), **fields)  # type: ignore[arg-type]


def gone(
    backups: list[Backup], policy: BackupPolicy = POLICY, protected: tuple[str, ...] = ()
) -> list[Backup]:
    return [backup for backup, _ in expired(backups, policy, NOW, protected)]


def test_sets_older_than_thirty_days_expire_but_never_the_last_seven() -> None:
    old, newest = [aged(days) for days in (40, 50, 60)], [aged(days) for days in range(31, 38)]
    assert expired([*newest, *old], POLICY, NOW) == [
        (backup, "older than 30 days") for backup in reversed(old)
    ]


def test_the_newest_verified_stays_however_old() -> None:
    recent = [aged(days) for days in range(8)]
    verified, older = aged(100, Level.VERIFIED), aged(200, Level.VERIFIED)
    assert gone([*recent, verified, older]) == [older]
    assert kept([*recent, verified, older], POLICY, NOW)[verified.timestamp] == "the newest verified"


def test_pinned_protected_and_future_sets_stay() -> None:
    recent = [aged(days) for days in range(8)]
    pinned, named, future = aged(90, pinned=True), aged(91), aged(-400)
    assert gone([*recent, pinned, named, future], protected=(named.timestamp,)) == []


def test_age_is_thirty_days_to_the_second() -> None:
    recent = [aged(days) for days in range(8)]
    assert gone([*recent, aged(30 - 1 / 86400)]) == []
    assert len(gone([*recent, aged(30)])) == 1


def test_scripts_sets_neither_push_out_complete_ones_nor_are_pushed_out() -> None:
    scripts = [aged(days, Level.UNVERIFIED) for days in range(31, 41)]
    complete = [aged(days + 0.5) for days in range(31, 41)]
    assert len(gone([*scripts, *complete])) == 6


def test_an_interrupted_set_goes_after_a_day_a_damaged_manifest_after_thirty() -> None:
    recent = [aged(days) for days in range(8)]
    dump = FileEntry(f"db_backup_{TS}.dump.zst", 5)
    interrupted = aged(2.5, Level.DAMAGED, files=(dump, FileEntry(f"compose_{TS}.yml", 5)))
    damaged = aged(3.5, Level.DAMAGED, files=(dump, FileEntry(f"manifest_{TS}.json", 5)))
    assert expired([*recent, interrupted, damaged, aged(0.5, Level.DAMAGED)], POLICY, NOW) == [
        (interrupted, "never finished, older than 1 days")
    ]


FOREIGN = (
    f"db_backup_{TS}.sql",
    f"db_backup_{TS}.manual.sql",
    f"db_backup_{TS}.unicorn_db.sql.gz",
    f"db_backup_{TS}.sql.xz",
    f"db_backup_{TS}.dump.zst.bak",
    f"compose_{TS}.yml.orig",
)


@pytest.mark.parametrize("name", FOREIGN)
def test_nothing_that_somebody_else_made_goes_as_interrupted(tmp_path: Path, name: str) -> None:
    for file in (f"db_backup_{TS}.dump.zst", f"compose_{TS}.yml", name):
        (tmp_path / file).touch()
    assert expired(catalogue(tmp_path), POLICY, datetime.now(UTC) + 29 * DAY) == []


@pytest.mark.parametrize("name", ["manual.sql", "unicorn_db.sql.gz"])
def test_an_operators_dump_is_kept_as_long_as_a_scripts(tmp_path: Path, name: str) -> None:
    script_set(tmp_path, TS, suffix=f".{name}")
    [backup] = catalogue(tmp_path)
    assert backup.level is Level.UNVERIFIED
    assert len(backup.files) == 3
    newer = [aged(days, Level.UNVERIFIED) for days in range(1, 8)]
    assert gone([replace(backup, at=NOW - 29.9 * DAY), *newer]) == []
    assert len(gone([replace(backup, at=NOW - 30.1 * DAY), *newer])) == 1


@pytest.mark.parametrize("also", ["", f"manifest_{TS}.json"])
def test_a_set_that_is_being_copied_back_stays_whatever_its_timestamp_and_times(
    tmp_path: Path, also: str
) -> None:
    for name in filter(None, (f"db_backup_{TS}.dump.zst", also)):
        (tmp_path / name).write_bytes(b"{")
        os.utime(tmp_path / name, (0, 0))  # as `cp -p` does
    later = datetime.now(UTC) + DAY / 2
    found = [replace(backup, at=later - 100 * DAY) for backup in catalogue(tmp_path)]
    assert [backup.level for backup in found] == [Level.DAMAGED]
    assert expired(found, POLICY, later) == []
    assert expired(found, POLICY, later + 30 * DAY) != []


backups = st.lists(
    st.builds(
        aged,
        st.integers(min_value=-5, max_value=200),
        st.sampled_from(list(Level)),
        pinned=st.booleans(),
    ),
    unique_by=lambda backup: backup.timestamp,
    max_size=30,
)


@given(backups, st.integers(0, 100), st.integers(0, 10), st.data())
def test_no_policy_goes_below_the_floors(
    found: list[Backup], keep_days: int, min_keep: int, data: st.DataObject
) -> None:
    policy = replace(POLICY, keep=timedelta(days=keep_days), min_keep=min_keep)
    protected = data.draw(st.lists(st.sampled_from([b.timestamp for b in found]))) if found else []
    doomed = gone(found, policy, tuple(protected))
    complete = sorted((b for b in found if b.complete), key=lambda b: b.at, reverse=True)
    verified = [b for b in complete if b.level is Level.VERIFIED]
    floor = [*complete[: max(3, min_keep)], *verified[:1]]
    floor += [b for b in found if b.pinned or b.timestamp in protected or b.at > NOW]
    assert not [backup for backup in floor if backup in doomed]
    assert not complete or set(complete) - set(doomed)
    assert doomed == sorted(doomed, key=lambda backup: backup.at)


async def test_pruning_removes_every_file_of_the_set_and_nothing_else(tmp_path: Path) -> None:
    await make(tmp_path, AT - 40 * DAY)
    script_set(tmp_path, "20200101_000000")
    await make(tmp_path, AT)
    (tmp_path / f"notes_{TS}.txt").touch()
    doomed = [(backup, "old") for backup in catalogue(tmp_path)[1:]]
    assert prune(tmp_path, doomed) == ("20261011_090000", "20200101_000000")
    assert [backup.timestamp for backup in catalogue(tmp_path)] == [TS]
    assert {path.name.split("_")[0] for path in tmp_path.iterdir() if TS not in path.name} == {".latest"}
    assert (tmp_path / f"notes_{TS}.txt").exists()


async def test_a_set_whose_pruning_was_interrupted_is_never_taken_for_complete(tmp_path: Path) -> None:
    backup = await make(tmp_path)
    (tmp_path / f"manifest_{TS}.json").unlink()
    [left] = catalogue(tmp_path)
    assert not left.complete
    assert prune(tmp_path, [(left, "x")]) == (backup.timestamp,)
    assert [path.name for path in tmp_path.iterdir()] == [".latest_backup"]


def test_sweeps_stale_leftovers_of_ours_only(tmp_path: Path) -> None:
    names = (f"db_backup_{TS}.dump.zst.partial", f"db_backup_{TS}.sql.gz.partial", "download.partial")
    scripts = f"db_backup_{TS}.sql.partial"
    for name in (*names, scripts, busy := f"manifest_{TS}.json.partial"):
        (tmp_path / name).touch()
    later = datetime.now(UTC) + 2 * DAY
    os.utime(tmp_path / busy, (later.timestamp() - 60,) * 2)
    assert sweep(tmp_path, datetime.now(UTC)) == ()
    assert sweep(tmp_path, later) == names[:2]
    assert sweep(tmp_path / "missing", later) == ()
