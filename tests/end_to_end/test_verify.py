"""`backups verify` on a shop that is open: a backup, and a set made the rollback guide's way."""

from __future__ import annotations

from pathlib import Path

import pytest
from demo.images import docker
from demo.shop import Shop
from demo.truth import read_truth

from tests.end_to_end import engine
from tests.end_to_end.guarded import Guarded

pytestmark = pytest.mark.engine
SCRIPT_TS = "20261022_153000"


def test_proves_backups_beside_the_live_database(shop: Shop, watched: Guarded, tmp_path: Path) -> None:
    backups = tmp_path / "backups"
    watched.backup()
    database = engine.containers(shop.project)["database"].id
    script = backups / f"db_backup_{SCRIPT_TS}.sql"
    script.write_text(docker("exec", database, "pg_dump", "-U", "shop", "shop"))
    before = read_truth(shop)
    done = watched.ok("backups", "verify")
    assert "is what was backed up" in done.stderr
    assert watched.ok("backups", "verify", SCRIPT_TS, "--json").json["level"] == "verified"
    assert {row["level"] for row in watched.ok("backups", "list", "--json").json} == {"verified"}
    assert read_truth(shop) == before
    assert not [name for name in engine.databases(shop.project) if "_verify_" in name]
