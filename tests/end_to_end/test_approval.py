"""Mode approve: what failed waits for a person, across the death of the daemon, and goes back on his word."""

from __future__ import annotations

from pathlib import Path

import pytest
from demo.shop import Shop
from demo.truth import displaced_databases, read_tables, read_truth

from tests.end_to_end import engine
from tests.end_to_end.guarded import guarding
from tests.end_to_end.sections import shop_section

pytestmark = [pytest.mark.engine, pytest.mark.long]


def test_a_failed_deployment_goes_back_once_a_person_approves(shop: Shop, tmp_path: Path) -> None:
    section = shop_section(shop, tmp_path / "backups", rollback={"mode": "approve"})
    with guarding(tmp_path, {"shop": section}) as guarded:
        guarded.watch()
        truth, good = read_truth(shop), guarded.status()["last_known_good"]
        shop.write_version("exit")
        done = guarded.run("deploy", "--", *shop.up_command())
        assert (done.exit_code, done.stdout.strip().endswith("awaiting approval")) == (1, True), done
        assert "ops-watchdog approve --stack shop" in done.stderr
        told = guarded.alerts()[-1]["text"]
        assert f"It would go back to release {good}, with backup " in told
        assert "It would displace up to " in told
        assert guarded.operations() == []

        guarded.kill()
        guarded.start()
        assert guarded.status()["proposal"]["release"] == good
        shown = guarded.run("approve", "--plan")
        assert (shown.exit_code, "restore database" in shown.stdout) == (0, True), shown
        approved = guarded.ok("approve", "--yes", "--json").json
        assert approved["outcome"] == "succeeded", approved
        assert read_truth(shop) == truth
        (displaced,) = displaced_databases(shop)
        assert "invoices" in read_tables(shop, displaced)
        (operation,) = guarded.operations()
        assert operation["actor"].startswith("user ")
        assert engine.policies(shop.project) == engine.POLICIES
        assert guarded.run("approve", "--yes").exit_code == 3, "once"
