"""A person takes a rollback back, or takes the database back alone: with engine, daemon and commands."""

from __future__ import annotations

import pytest
from demo.images import docker
from demo.shop import Shop
from demo.truth import displaced_databases, read_truth

from tests.end_to_end import engine
from tests.end_to_end.guarded import Guarded

pytestmark = pytest.mark.engine


def test_an_undo_brings_the_newer_release_back_with_its_rows_and_can_be_undone(
    shop: Shop, watched: Guarded
) -> None:
    first = read_truth(shop)
    timestamp = watched.backup()
    seen = len(watched.events())
    shop.write_version("2.0")
    shop.up()
    watched.until("release_captured", seen)
    second = read_truth(shop)
    watched.ok("rollback", "--yes", "--backup-timestamp", timestamp)
    assert read_truth(shop) == first

    rolled_back = watched.operations()[-1]["id"]
    plan = watched.ok("rollback", "--undo", rolled_back, "--plan", "--json").json
    (displaced,) = displaced_databases(shop)
    assert (plan["returning"], plan["obstacles"]) == ({"shop": displaced}, [])
    seen = len(watched.events())
    watched.ok("rollback", "--undo", rolled_back, "--yes")
    assert read_truth(shop) == second
    assert engine.policies(shop.project) == engine.POLICIES
    watched.until("release_good", seen)
    assert "automatic" not in {o["actor"] for o in watched.operations()}, "an undo is not rolled back"

    undone = watched.operations()[-1]["id"]
    refused = watched.run("rollback", "--undo", rolled_back, "--yes")
    assert (refused.exit_code, f"--undo {undone}" in refused.stderr) == (3, True), refused
    watched.ok("rollback", "--undo", undone, "--yes")
    assert read_truth(shop) == first
    assert len(displaced_databases(shop)) == 1, "each undo swaps the same two"
    assert [left["name"] for left in watched.status()["displaced"]] == list(displaced_databases(shop))


@pytest.mark.long
def test_the_database_goes_back_alone_also_where_what_runs_is_not_captured(
    shop: Shop, watched: Guarded
) -> None:
    before, containers = read_truth(shop), engine.containers(shop.project)
    timestamp = watched.backup()
    shop.compose_file.write_text(shop.compose_file.read_text() + "\nx-edited: true\n")
    docker("exec", containers["database"].id, "psql", "-U", "shop", "-c", "UPDATE users SET name = 'lost'")
    watched.ok("rollback", "--database-only", "--backup-timestamp", timestamp, "--yes")
    assert read_truth(shop).tables == before.tables
    after = engine.containers(shop.project)
    assert {s: c.id for s, c in after.items()} == {s: c.id for s, c in containers.items()}
    assert engine.policies(shop.project) == engine.POLICIES
