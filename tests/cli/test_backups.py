"""`backups list | show | pin | prune | verify` as an operator types them, where no daemon runs."""

from __future__ import annotations

import asyncio
import json

from tests.backup.sets import TS, make, script_set
from tests.cli.operator import Operator

SCRIPT_TS = "20250101_000000"


def stocked(operator: Operator) -> None:
    asyncio.run(make(operator.backups))
    script_set(operator.backups, SCRIPT_TS)


def test_lists_what_is_known_of_each_and_since_when(operator: Operator) -> None:
    stocked(operator)
    assert operator.types("backups", "verify", "--checksums-only").exit_code == 0
    [ours, script] = json.loads(operator.types("backups", "list", "--json").stdout)
    assert (ours["timestamp"], ours["level"], ours["verified_at"]) == (TS, "checked", None)
    assert ours["since"]
    assert (script["timestamp"], script["level"], script["reason"]) == (
        SCRIPT_TS,
        "unverified",
        "made by a script",
    )
    assert "checked" in operator.types("backups", "list").stdout


def test_a_damaged_set_is_listed_with_what_is_wrong_with_it(operator: Operator) -> None:
    stocked(operator)
    (operator.backups / f"globals_{TS}.sql").write_text("x")
    verified = operator.types("backups", "verify", TS)
    assert (verified.exit_code, verified.stdout) == (1, "")
    assert f"globals_{TS}.sql has 1 bytes instead of 18" in verified.stderr
    assert f"globals_{TS}.sql has 1 bytes instead of 18" in operator.types("backups", "list").stdout


def test_shows_tables_rows_images_and_files(operator: Operator) -> None:
    stocked(operator)
    shown = operator.types("backups", "show", TS).stdout
    for line in ("Release r1", "  backend: shop/backend:1.0 (sha256:aaa)", "  public.users: 3", "Kept: "):
        assert line in shown
    assert f"  globals_{TS}.sql: 18 B" in shown
    document = json.loads(operator.types("backups", "show", TS, "--json").stdout)
    assert document["databases"][0]["tables"] == {"public.big": 9, "public.users": 3}


def test_pins_and_unpins_a_scripts_set_too(operator: Operator) -> None:
    stocked(operator)
    for timestamp in (TS, SCRIPT_TS):
        assert (
            operator.types("backups", "pin", timestamp).stdout == f"backup {timestamp} is pinned: it stays\n"
        )
    listed = json.loads(operator.types("backups", "list", "--json").stdout)
    assert [row["pinned"] for row in listed] == [True, True]
    assert operator.types("backups", "pin", TS, "--unpin").exit_code == 0
    assert [row["pinned"] for row in json.loads(operator.types("backups", "list", "--json").stdout)] == [
        False,
        True,
    ]


def test_prunes_nothing_in_a_dry_run_and_says_why_each_stays(operator: Operator) -> None:
    stocked(operator)
    for year in range(2010, 2018):
        script_set(operator.backups, f"{year}0101_000000")
    dry = operator.types("backups", "prune", "--dry-run").stdout
    assert "2 backups would be deleted" in dry
    assert "one of the newest 7" in dry
    assert (operator.backups / "db_backup_20100101_000000.sql").exists()
    assert "2 backups deleted" in operator.types("backups", "prune").stdout
    assert not (operator.backups / "db_backup_20100101_000000.sql").exists()
    assert (operator.backups / "db_backup_20120101_000000.sql").exists()
