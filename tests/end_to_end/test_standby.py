"""A standby copy of a real shop: ready before the failure, or in time for it; gone when nobody needs it."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from demo.images import docker
from demo.shop import Shop
from demo.truth import read_truth

from tests.end_to_end import engine
from tests.end_to_end.fresh import PRISTINE
from tests.end_to_end.guarded import Guarded
from tests.end_to_end.waiting import until

pytestmark = pytest.mark.engine

SLOW_TO_RESTORE = """
CREATE FUNCTION gate(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
  BEGIN
    WHILE (pg_catalog.pg_stat_file('/tmp/gate', true)).size IS NOT NULL LOOP
      PERFORM pg_catalog.pg_sleep(0.02);
    END LOOP;
    RETURN n;
  END $$;
CREATE TABLE gated AS SELECT 1 AS n;
CREATE INDEX ON gated (gate(n));
"""
"""A restore builds the index, and waits there while the file lies in the server's container."""


@dataclass(frozen=True, slots=True)
class Gate:
    container: str

    def shut(self) -> None:
        docker("exec", self.container, "touch", "/tmp/gate")

    def open(self) -> None:
        docker("exec", self.container, "rm", "--force", "/tmp/gate")


@pytest.fixture
def gate(shop: Shop) -> Iterator[Gate]:
    container = engine.containers(shop.project)["database"].id
    docker("exec", container, "psql", "--username", "shop", "--dbname", "shop", "--command", SLOW_TO_RESTORE)
    gate = Gate(container)
    gate.shut()
    yield gate
    gate.open()


def beside(shop: Shop) -> set[str]:
    """What lies beside the live database, the tests' own copy left out."""
    return engine.databases(shop.project).keys() - {"shop", PRISTINE}


def deploy(guarded: Guarded, shop: Shop, go: Path) -> subprocess.Popen[str]:
    """Its command begins once the file `go` is there."""
    waits = f"until test -e {shlex.quote(str(go))}; do sleep 0.05; done; exec {shlex.join(shop.up_command())}"
    return guarded.begin("deploy", "--", "sh", "-c", waits)


def test_the_rollback_of_a_failure_only_renames_the_copy_that_stands_by(
    shop: Shop, watched: Guarded, tmp_path: Path
) -> None:
    before = read_truth(shop)
    deploying = deploy(watched, shop, tmp_path / "go")
    backup = watched.until("standby_ready")["backup"]
    assert watched.status()["standby"] == {"state": "ready", "backup": backup, "reason": None}
    assert beside(shop) == {f"shop_standby_{backup}"}
    shop.write_version("exit")
    (tmp_path / "go").touch()
    assert watched.until("rollback_ended")["outcome"] == "succeeded"
    told = deploying.communicate(timeout=60)[1]
    assert f"the standby copy of backup {backup} is ready" in told
    assert read_truth(shop) == before
    facts = watched.facts("restore_database")
    assert facts["stood_by"] == ["shop"]
    assert beside(shop) == {facts["displaced"]["shop"]}
    assert len(watched.told("standby_started")) == 1


@pytest.mark.long
def test_a_failure_that_comes_while_the_copy_is_being_made_waits_for_it(
    shop: Shop, gate: Gate, watched: Guarded
) -> None:
    before = read_truth(shop)
    shop.write_version("exit")
    watched.begin("deploy", "--", *shop.up_command())
    watched.until("step_started", step="restore_database")
    assert watched.told("standby_started")
    assert not watched.told("standby_ready")
    gate.open()
    assert watched.until("rollback_ended")["outcome"] == "succeeded"
    assert read_truth(shop) == before
    facts = watched.facts("restore_database")
    assert facts["stood_by"] == ["shop"]
    assert beside(shop) == {facts["displaced"]["shop"]}


@pytest.mark.long
def test_the_copy_is_dropped_when_the_window_closes_healthy(shop: Shop, watched: Guarded) -> None:
    shop.write_version("2.0")
    watched.ok("deploy", "--", *shop.up_command())
    watched.until("deployment_good")
    watched.until("standby_dropped")
    assert beside(shop) == set()
    assert watched.status()["standby"]["state"] == "none"


def test_a_daemon_that_is_killed_while_it_makes_one_leaves_nothing_after_its_next_start(
    shop: Shop, gate: Gate, watched: Guarded, tmp_path: Path
) -> None:
    """What goes on in the server without it, the shut gate included, is ended."""
    deploy(watched, shop, tmp_path / "go")
    backup = watched.until("standby_started")["backup"]
    until(lambda: beside(shop) == {f"shop_restore_{backup}"}, "half a copy")
    watched.kill()
    assert beside(shop) == {f"shop_restore_{backup}"}
    watched.start()
    watched.until("standby_dropped")
    assert beside(shop) == set()
