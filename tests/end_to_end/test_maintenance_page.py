"""The maintenance page on the real engine: put, taken away, and not forgotten by the next daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.guarded import Guarded, guarding
from tests.end_to_end.site import Site
from tests.end_to_end.waiting import until

pytestmark = pytest.mark.engine


@pytest.fixture
def signed(site: Site, tmp_path: Path) -> Iterator[Guarded]:
    """The site is watched, with a page."""
    section = site.section(tmp_path / "backups", maintenance_page="maintenance.html")
    with guarding(tmp_path, {"site": section}) as guarded:
        guarded.watch()
        yield guarded


def page(site: Site) -> Path:
    return site.directory / "maintenance.html"


def test_a_deployment_whose_daemon_was_killed_leaves_no_page_behind(site: Site, signed: Guarded) -> None:
    """Its terminal is gone as well; what runs is found healthy by the next daemon."""
    working = site.directory / "working"
    working.touch()
    try:
        waits = f"while [ -e {working} ]; do sleep 0.05; done"
        terminal = signed.begin("deploy", "--", "sh", "-c", waits)
        until(page(site).exists, "the page")
        assert (page(site).stat().st_mode & 0o777, b"Back soon" in page(site).read_bytes()) == (0o644, True)
        signed.kill()
        terminal.kill()
        terminal.wait()
        assert page(site).exists()
    finally:
        working.unlink()
    signed.start()
    until(lambda: not page(site).exists(), "the end of the page")
    assert signed.operations() == []


def test_a_rollback_shows_it_only_as_long_as_it_takes(site: Site, signed: Guarded) -> None:
    site.write_version("2.0", breaks=True)
    done = signed.run("deploy", "--", *site.up_command())
    assert done.stdout.strip().endswith("rolled back"), done
    until(lambda: not page(site).exists(), "the end of the page")
    assert "the maintenance page is in place" in done.stderr


@pytest.mark.long
def test_maintenance_outlives_the_daemon_and_ends_by_word_or_by_time(site: Site, signed: Guarded) -> None:
    signed.ok("maintenance", "on", "1h", "--reason", "a move")
    until(page(site).exists, "the page")
    assert signed.run("maintenance", "on", "8d").exit_code == 2
    signed.kill()
    signed.start()
    (shown,) = signed.ok("maintenance", "show", "--json").json
    assert (shown["kind"], shown["reason"]) == ("maintenance", "a move")
    assert any("in maintenance until" in why for why in signed.status()["why_not"])
    assert page(site).exists()
    signed.ok("maintenance", "off")
    until(lambda: not page(site).exists(), "the end of the page")
    signed.ok("maintenance", "on", "1s")
    until(lambda: signed.told("suspension_ended")[1:], "its end by time")
    until(lambda: not page(site).exists(), "the end of the page")


def test_without_a_daemon_it_is_put_and_taken_away_all_the_same(site: Site, signed: Guarded) -> None:
    signed.kill()
    signed.ok("maintenance", "on")
    assert page(site).exists()
    signed.ok("maintenance", "off")
    assert not page(site).exists()
