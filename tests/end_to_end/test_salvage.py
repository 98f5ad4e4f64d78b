"""After a rollback an operator sees what was displaced, and gets it back: with daemon and commands."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from demo.images import docker
from demo.shop import Shop

from tests.end_to_end import engine
from tests.end_to_end.guarded import Guarded

pytestmark = pytest.mark.engine


def ask(shop: Shop, statement: str) -> str:
    container = engine.containers(shop.project)["database"].id
    return docker("exec", container, "psql", "-At", "-U", "shop", "-c", statement).strip()


def test_displaced_rows_are_told_listed_written_out_and_put_back(
    shop: Shop, watched: Guarded, tmp_path: Path
) -> None:
    timestamp, seen = watched.backup(), len(watched.events())
    ask(shop, "INSERT INTO users (name, email) SELECT 'later ' || n, n || '@x' FROM generate_series(1, 4) n")
    everybody = ask(shop, "SELECT count(*), max(id) FROM users")
    watched.ok("rollback", "--database-only", "--backup-timestamp", timestamp, "--yes")
    incident = watched.operations()[-1]["id"]
    watched.until("displaced_cared_for", seen, stage="dump")
    [left] = watched.status()["displaced"]
    assert (left["database"], left["server"], left["trouble"]) == ("shop", "database", "")
    assert left["name"] in watched.ok("status").stdout
    assert len(list(tmp_path.rglob("pre_rollback_*.dump.zst"))) == 1

    listed = watched.ok("incidents", "list", "--json").json
    assert [row["id"] for row in listed] == [incident]
    assert "4 inserted" in listed[0]["lost"][0]
    report = watched.ok("incidents", "show", incident).stdout
    assert "| public.users | 4 inserted |" in report
    assert incident in watched.ok("incidents", "list").stdout

    mine = tmp_path / "mine"
    words = ("incidents", "salvage", incident, "--directory", str(mine), "--table", "users", "--json")
    sent = watched.ok(*words).json
    assert (sent["directory"], sent["databases"][0]["directory"]) == (str(mine), str(mine))
    with (mine / "public.users.inserted.csv").open() as file:
        assert [row["name"] for row in csv.DictReader(file)] == [f"later {n}" for n in range(1, 5)]
    assert (mine / "public.users.inserted.csv").stat().st_mode & 0o777 == 0o600
    assert not list((watched.state / "incidents" / incident).glob("salvage_*")), "they were only passed on"
    again = watched.run("incidents", "salvage", incident, "--directory", str(mine))
    assert (again.exit_code, "is not empty" in again.stderr) == (2, True)

    nobody = watched.run("incidents", "salvage", incident, "--apply")
    assert (nobody.exit_code, "--yes" in nobody.stderr) == (2, True)
    result = watched.ok(
        "incidents", "salvage", incident, "--apply", "--yes", "--json", "--table", "users"
    ).json
    [table] = [t for t in result["databases"][0]["tables"] if t["table"] == "public.users"]
    assert (table["table"], table["put_back"]["back"]) == ("public.users", 4)
    assert (Path(result["directory"]) / "public.users.inserted.sql").exists()
    assert ask(shop, "SELECT count(*), max(id) FROM users") == everybody
    assert "later" not in watched.log.read_text(), "rows are nobody's business but the files'"

    unknown = watched.run("incidents", "salvage", "20200101_000000-shop")
    assert (unknown.exit_code, incident in unknown.stderr) == (2, True)
