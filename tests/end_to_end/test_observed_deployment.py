"""Somebody runs `docker compose up` with changed files while the daemon watches, after a backup."""

from __future__ import annotations

import subprocess
from datetime import timedelta

import pytest
from demo.shop import Shop
from demo.truth import displaced_databases, read_tables, read_truth

from tests.end_to_end import engine
from tests.end_to_end.guarded import Guarded, moment
from tests.end_to_end.sections import MONITOR_SECONDS

pytestmark = pytest.mark.engine

WINDOW = timedelta(seconds=MONITOR_SECONDS)


def test_a_version_that_breaks_is_rolled_back_with_images_files_and_rows(
    shop: Shop, watched: Guarded
) -> None:
    before = read_truth(shop)
    timestamp = watched.backup()
    shop.write_version("migration")
    with pytest.raises(subprocess.CalledProcessError):
        shop.up()
    ended = watched.until("rollback_ended")
    assert ended["outcome"] == "succeeded", ended
    after = read_truth(shop)
    assert after == before
    (displaced,) = displaced_databases(shop)
    assert "invoices" in read_tables(shop, displaced)
    assert engine.policies(shop.project) == engine.POLICIES
    assert watched.operations()[-1]["backup"] == timestamp
    assert watched.status()["deployment"]["phase"] == "rolled back"


def test_a_version_that_works_stays_and_becomes_the_last_known_good_after_its_window(
    shop: Shop, watched: Guarded
) -> None:
    first = watched.status()["last_known_good"]
    watched.backup()
    seen = len(watched.events())
    shop.write_version("2.0")
    shop.up()
    good = watched.until("release_good", seen)
    assert good["release"] != first
    assert moment(good) - moment(watched.until("deployment_observed")) >= WINDOW
    status = watched.status()
    assert status["deployment"]["phase"] == "good"
    assert status["release"] == status["last_known_good"] == good["release"]
    assert {s["image"].rpartition(":")[2] for s in status["services"]} == {"2.0", "15"}
    assert watched.operations() == []
