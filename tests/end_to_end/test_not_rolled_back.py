"""A deployment that failed and is not rolled back: by choice, by configuration, because enough is enough."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from demo.shop import Shop
from demo.truth import on_disk, read_tables

from tests.end_to_end import engine
from tests.end_to_end.guarded import Guarded, guarding
from tests.end_to_end.site import Site
from watchdog.adapters.sqlite_ledger import SqliteLedger
from watchdog.rollback.operation import Operation, Outcome
from watchdog.rollback.target import AUTOMATIC

pytestmark = pytest.mark.engine


def test_with_no_rollback_a_failure_is_reported_and_nothing_is_touched(shop: Shop, watched: Guarded) -> None:
    shop.write_version("exit")
    done = watched.run("deploy", "--no-rollback", "--", *shop.up_command())
    after = engine.containers(shop.project)
    files, rows = on_disk(shop.compose_file), read_tables(shop, "shop")
    assert (done.exit_code, done.stdout.split()[-1]) == (1, "failed"), done
    assert "backend exited with code 3" in done.stderr
    assert "not rolled back: it was deployed with --no-rollback" in done.stderr
    watched.backup()
    assert engine.containers(shop.project) == after
    assert (on_disk(shop.compose_file), read_tables(shop, "shop")) == (files, rows)
    assert "invoices" in rows, "the new version's rows"
    assert watched.operations() == []


def test_in_mode_notify_it_says_what_it_would_have_done(site: Site, tmp_path: Path) -> None:
    section = site.section(tmp_path / "backups", rollback={"mode": "notify"})
    with guarding(tmp_path, {"site": section}) as guarded:
        guarded.watch()
        good = guarded.status()["last_known_good"]
        site.write_version("2.0", breaks=True)
        done = guarded.run("deploy", "--", *site.up_command())
        assert done.exit_code == 1
        for said in ("Not rolled back: rollback.mode is notify", f"It would go back to release {good}"):
            assert said.lower() in done.stderr.lower()
            assert said in guarded.alerts()[-1]["text"]
        assert guarded.operations() == []
        assert engine.containers(site.project)["web"].state == "exited"


def test_the_third_automatic_rollback_within_a_day_is_refused(site: Site, tmp_path: Path) -> None:
    with guarding(tmp_path, {"site": site.section(tmp_path / "backups")}) as guarded:
        asyncio.run(remember_two_rollbacks(guarded.state / "ledger.db"))
        guarded.watch()
        assert any("2 automatic rollbacks in 24 h" in reason for reason in guarded.status()["why_not"])
        site.write_version("2.0", breaks=True)
        done = guarded.run("deploy", "--", *site.up_command())
        assert done.exit_code == 1
        assert "not rolled back: 2 automatic rollbacks in 24 h" in done.stderr
        assert len(guarded.operations()) == 2
        assert guarded.alerts()[-1]["level"] == "critical"
        assert engine.containers(site.project)["web"].state == "exited", "what failed is left as it is"


async def remember_two_rollbacks(path: Path) -> None:
    """As if they had happened today."""
    ledger = SqliteLedger(path)
    for hours in (5, 3):
        then = datetime.now(UTC) - timedelta(hours=hours)
        await ledger.write(
            Operation(
                id=f"{then:%Y%m%d_%H%M%S}-site",
                stack="site",
                plan="keep database",
                target_release="20260101_000000-00000000",
                backup=None,
                deployment=None,
                actor=AUTOMATIC,
                reasons=("web exited with code 3",),
                started_at=then,
                outcome=Outcome.SUCCEEDED,
                ended_at=then,
            )
        )
    await ledger.close()
