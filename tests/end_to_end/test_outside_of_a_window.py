"""What goes wrong without any deployment: told, and told when it is over; never rolled back."""

from __future__ import annotations

from pathlib import Path

import pytest
from demo.images import docker

from tests.end_to_end import engine
from tests.end_to_end.guarded import Guarded, guarding
from tests.end_to_end.site import Site
from tests.end_to_end.waiting import until

pytestmark = [pytest.mark.engine, pytest.mark.long]

SICK = "/dev/shm/sick"
HEALTHCHECK = f'healthcheck: {{test: [CMD, test, "!", -e, {SICK}], interval: 1s, retries: 1}}'


def titles(guarded: Guarded) -> list[str]:
    return [alert["title"] for alert in guarded.alerts()]


def until_told(guarded: Guarded, title: str) -> None:
    until(lambda: title in titles(guarded), lambda: f"{title}: {titles(guarded)}")


def restarted(site: Site, before: engine.Container) -> engine.Container | None:
    now = engine.containers(site.project)["web"]
    return now if now.started_at != before.started_at and now.state == "running" else None


def test_a_product_that_stops_by_itself_is_told_and_so_is_its_return(
    site: Site, watched_site: Guarded
) -> None:
    web = engine.containers(site.project)["web"]
    docker("exec", web.id, "nginx", "-s", "stop")
    until_told(watched_site, "check page is down")
    docker("start", web.id)
    until_told(watched_site, "check page is up again")
    assert titles(watched_site) == ["check page is down", "check page is up again"]
    assert watched_site.operations() == []
    assert watched_site.status()["deployment"] is None


def test_an_unhealthy_container_is_restarted_where_that_was_asked_for(site: Site, tmp_path: Path) -> None:
    text = site.compose_file.read_text()
    site.compose_file.write_text(text.replace("    labels:", f"    {HEALTHCHECK}\n    labels:", 1))
    site.up()
    section = site.section(tmp_path / "backups", on_unhealthy="restart")
    with guarding(tmp_path, {"site": section}) as guarded:
        guarded.watch()
        before = engine.containers(site.project)["web"]
        docker("exec", before.id, "touch", SICK)
        guarded.until("restarting_unhealthy", service="web")
        after = until(lambda: restarted(site, before), "its restart")
        assert (after.id, after.image_id) == (before.id, before.image_id)
        guarded.until_status(lambda s: s["services"][0]["health"] == "healthy", "a healthy service")
        assert titles(guarded) == ["service web is restarted"]
        assert guarded.status()["deployment"] is None
        assert guarded.operations() == []
