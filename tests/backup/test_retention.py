"""What expires, and the floors that hold whatever the policy and the sets are."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

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
    interrupted = aged(2.5, Level.DAMAGED, files=(FileEntry("db_backup_x.dump.zst", 5),))
    damaged = aged(3.5, Level.DAMAGED, files=(FileEntry("manifest_x.json", 5),))
    assert expired([*recent, interrupted, damaged, aged(0.5, Level.DAMAGED)], POLICY, NOW) == [
        (interrupted, "never finished, older than 1 days")
    ]


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
    for name in (*names, f"manifest_{TS}.json.partial"):
        (tmp_path / name).touch()
    for name in names:
        os.utime(tmp_path / name, (NOW.timestamp() - 7200,) * 2)
    os.utime(tmp_path / f"manifest_{TS}.json.partial", (NOW.timestamp() - 60,) * 2)
    assert sweep(tmp_path, NOW) == names[:2]
    assert sweep(tmp_path / "missing", NOW) == ()
