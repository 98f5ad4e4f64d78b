"""Without a daemon each command does the same in its own process; what it leaves open is finished later."""

from __future__ import annotations

import json
import signal
import time

import pytest
from demo.shop import Shop
from demo.truth import displaced_databases, read_truth

from tests.end_to_end import engine
from tests.end_to_end.fresh import PRISTINE
from tests.end_to_end.guarded import Guarded
from tests.end_to_end.waiting import until
from watchdog.daemon.guard import RECONCILE

pytestmark = pytest.mark.engine

RUNNING = {"database": "running", "backend": "running", "frontend": "running", "migrate": "exited"}


def test_a_deployment_that_breaks_is_rolled_back(shop: Shop, guarded: Guarded) -> None:
    before = read_truth(shop)
    done = guarded.run("deploy", "--", *with_version(shop, "migration"))
    assert done.exit_code == 1, done
    assert "rolled back" in done.stdout
    assert read_truth(shop) == before
    assert engine.policies(shop.project) == engine.POLICIES
    assert [operation["actor"] for operation in guarded.operations()] == ["automatic"]


@pytest.mark.long
def test_a_rollback_is_planned_then_done_and_one_that_died_is_finished_by_the_next_daemon(
    shop: Shop, guarded: Guarded
) -> None:
    before = read_truth(shop)
    timestamp = guarded.backup()
    wanted = ("rollback", "--backup-timestamp", timestamp)
    shop.write_version("2.0")
    shop.up()
    plan = guarded.ok(*wanted, "--plan", "--json").json
    assert plan["obstacles"] == []
    assert {image["service"] for image in plan["images"]} == {"backend", "frontend", "migrate"}
    unasked = guarded.run(*wanted)
    assert (unasked.exit_code, "nobody to ask: add --yes, or --plan" in unasked.stderr) == (2, True), unasked
    assert guarded.operations() == [], "a plan does nothing"

    command = guarded.begin(*wanted, "--yes")
    until(lambda: "restore_database" in guarded.steps_begun(), "the restore")
    command.send_signal(signal.SIGKILL)
    command.wait()
    guarded.start()
    assert guarded.until("rollback_ended")["outcome"] == "succeeded"
    assert read_truth(shop) == before
    (displaced,) = displaced_databases(shop)
    assert engine.databases(shop.project) == {"shop": True, PRISTINE: True, displaced: True}
    assert engine.policies(shop.project) == engine.POLICIES


@pytest.mark.long
def test_a_daemon_that_starts_meanwhile_leaves_the_rollback_to_its_command(
    shop: Shop, guarded: Guarded
) -> None:
    before = read_truth(shop)
    timestamp = guarded.backup()
    shop.write_version("2.0")
    shop.up()
    command = guarded.begin("rollback", "--yes", "--json", "--backup-timestamp", timestamp)
    until(lambda: "stop_services" in guarded.steps_begun(), "the services being stopped")
    guarded.start()
    result, told = command.communicate(timeout=60)
    ended = time.monotonic()
    assert command.returncode == 0, told
    assert json.loads(result).items() >= {"outcome": "succeeded", "backup": timestamp}.items()
    status = guarded.until_status(lambda status: bool(status["armed"]), "armed")
    assert time.monotonic() - ended < RECONCILE.total_seconds(), "it looks at once, not by and by"
    assert (status["doing"], status["last_rollback"]["outcome"]) == (None, "succeeded")
    assert {service["service"]: service["state"] for service in status["services"]} == RUNNING
    assert [operation["outcome"] for operation in guarded.operations()] == ["succeeded"]
    assert read_truth(shop) == before


def with_version(shop: Shop, name: str) -> list[str]:
    """A deployment script that brings its own files along, as `git pull && docker compose up` does."""
    old = {path: path.read_text() for path in (shop.compose_file, shop.env_file, shop.site_file)}
    shop.write_version(name)
    lines = ["set -e"]
    for path, text in old.items():
        new = shop.directory / f"{path.name}.next"
        new.write_text(path.read_text())
        path.write_text(text)
        lines.append(f"cat {new} > {path}; rm {new}")
    script = shop.directory / "deploy.sh"
    script.write_text("\n".join([*lines, " ".join(shop.up_command()), ""]))
    return ["sh", str(script)]


def test_a_dump_that_may_not_run_is_refused_in_sentences_and_nothing_stops(
    shop: Shop, guarded: Guarded
) -> None:
    before = engine.containers(shop.project)
    backups = guarded.root / "backups"
    backups.mkdir()
    (backups / "db_backup_20250101_000000.sql").write_text("\\connect postgres\nDROP DATABASE shop;\n")
    done = guarded.run("rollback", "--database-only", "--backup-timestamp", "20250101_000000", "--yes")
    assert (done.exit_code, "contains `\\connect`" in done.stdout) == (3, True), done
    assert [line for line in done.stderr.splitlines() if line.startswith("{")] == [], "no log lines"
    assert engine.containers(shop.project) == before
