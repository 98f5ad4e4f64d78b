"""What became known of a set is noted in its manifest, and nothing else there is lost by it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.backup.sets import ACCOUNT, AT, TS, make, script_set
from watchdog.backup.backup import Backup, DatabaseDump, Level
from watchdog.backup.catalogue import catalogue, check_files, find, open_dump
from watchdog.backup.compress import compress_old
from watchdog.backup.marks import mark_checked, mark_damaged, mark_script_verified, mark_verified, pin
from watchdog.backup.policy import BackupPolicy
from watchdog.backup.retention import expired
from watchdog.errors import Corrupt, Refused

LATER = AT + timedelta(hours=1)
SCRIPT_TS = "20250101_000000"


def of_script(directory: Path, **options: str) -> Backup:
    script_set(directory, SCRIPT_TS, **options)  # type: ignore[arg-type]
    return find(directory, SCRIPT_TS)


def verified_script(directory: Path) -> Backup:
    dump = DatabaseDump("shop", "database", f"db_backup_{SCRIPT_TS}.sql", ACCOUNT)
    return mark_script_verified(of_script(directory), "shop", [dump], LATER)


async def test_checked_then_verified_and_never_less_again(tmp_path: Path) -> None:
    backup = await make(tmp_path)
    checked = mark_checked(backup, AT)
    assert (checked.level, checked.checked_at) == (Level.CHECKED, AT)
    marked = mark_verified(checked, LATER)
    assert (marked.level, marked.verified_at, marked.checked_at) == (Level.VERIFIED, LATER, AT)
    again = mark_checked(marked, LATER)
    assert (again.level, again.verified_at, again.checked_at) == (Level.VERIFIED, LATER, LATER)
    assert catalogue(tmp_path) == (again,)
    with pytest.raises(Refused):
        mark_verified(of_script(tmp_path), AT)


async def test_a_note_changes_only_what_it_is_about(tmp_path: Path) -> None:
    """Somebody pins a set while its restore goes on with what it read before."""
    backup = await make(tmp_path)
    pin(backup, "shop", True)
    assert mark_verified(backup, LATER).pinned
    assert not pin(backup, "shop", False).pinned
    assert find(tmp_path, TS).level is Level.VERIFIED


async def test_a_set_that_was_found_wrong_is_listed_so_and_refused(tmp_path: Path) -> None:
    backup = await make(tmp_path)
    mark_damaged(backup, "shop", "public.users: 2 rows instead of 3")
    found = find(tmp_path, TS)
    assert (found.level, found.complete, found.has_manifest) == (Level.DAMAGED, False, True)
    for use in (check_files, lambda b: open_dump(b, "shop")):
        with pytest.raises(Corrupt, match="2 rows instead of 3"):
            use(found)
    policy = BackupPolicy(tmp_path)
    assert expired([found], policy, AT + timedelta(days=3)) == [], "it is no interrupted one"


async def test_a_set_deleted_meanwhile_does_not_come_back_as_a_manifest(tmp_path: Path) -> None:
    backup = await make(tmp_path)
    for path in tmp_path.iterdir():
        path.unlink() if path.is_file() else None
    with pytest.raises(Corrupt, match="gone or damaged by now"):
        mark_verified(backup, LATER)
    assert not list(tmp_path.glob("manifest*"))


def test_a_scripts_set_becomes_verified_without_its_dump_being_touched(tmp_path: Path) -> None:
    path = script_set(tmp_path, SCRIPT_TS)
    before = path.stat()
    backup = verified_script(tmp_path)
    assert (backup.level, backup.complete, backup.release) == (Level.VERIFIED, True, None)
    assert (backup.format(), backup.made_by_script, backup.stack) == ("plain", True, "shop")
    assert backup.contents("shop") == ACCOUNT.contents
    check_files(backup)
    assert path.stat() == before
    path.write_bytes(b"SELECT 2;\n")
    with pytest.raises(Corrupt, match=r"db_backup_20250101_000000\.sql differs"):
        check_files(backup)


def test_a_scripts_set_that_cron_compressed_after_its_verification_is_unverified_again(
    tmp_path: Path,
) -> None:
    """`find … -exec gzip`: the dump has another name, so what was known of its bytes is void."""
    pin(verified_script(tmp_path), "shop", True)
    (tmp_path / f"db_backup_{SCRIPT_TS}.sql").unlink()
    backup = of_script(tmp_path, suffix=".sql.gz")
    assert (backup.level, backup.complete, backup.pinned) == (Level.UNVERIFIED, False, True)
    assert verified_script(tmp_path).level is Level.VERIFIED


def test_a_verified_set_of_a_scripts_stays_so_when_we_compress_it(tmp_path: Path) -> None:
    pin(verified_script(tmp_path), "shop", True)
    assert compress_old(tmp_path, BackupPolicy(tmp_path), AT) == (f"db_backup_{SCRIPT_TS}.sql.gz",)
    found = find(tmp_path, SCRIPT_TS)
    assert (found.level, found.pinned, found.verified_at) == (Level.VERIFIED, True, LATER)
    assert found.contents("shop") == ACCOUNT.contents
    check_files(found)


def test_a_scripts_set_can_be_pinned_and_found_damaged_too(tmp_path: Path) -> None:
    pinned = pin(of_script(tmp_path), "shop", True)
    assert (pinned.level, pinned.pinned, pinned.complete) == (Level.UNVERIFIED, True, False)
    mark_damaged(pinned, "shop", "it was cut off")
    found = find(tmp_path, SCRIPT_TS)
    assert (found.level, found.problem, found.pinned) == (Level.DAMAGED, "it was cut off", True)


async def test_what_no_manifest_tells_of_cannot_be_pinned(tmp_path: Path) -> None:
    await make(tmp_path)
    (tmp_path / f"manifest_{TS}.json").write_text("{")
    with pytest.raises(Refused, match="copy its files away"):
        pin(find(tmp_path, TS), "shop", True)
