"""A stack without a database is a stack too; and what happens to one stack is no business of another's."""

from __future__ import annotations

from pathlib import Path

import pytest
from demo.shop import Shop

from tests.end_to_end import engine
from tests.end_to_end.guarded import Guarded, guarding, identity
from tests.end_to_end.sections import shop_section
from tests.end_to_end.site import Site

pytestmark = pytest.mark.engine


def test_a_version_that_breaks_is_rolled_back(site: Site, watched_site: Guarded) -> None:
    before = engine.containers(site.project)["web"]
    files = [identity(path) for path in (site.compose_file, site.site_file)]
    site.write_version("2.0", breaks=True)
    done = watched_site.run("deploy", "--", *site.up_command())
    assert (done.exit_code, done.stdout.split()[-2:]) == (1, ["rolled", "back"]), done
    after = engine.containers(site.project)["web"]
    assert (after.image_id, after.state) == (before.image_id, "running")
    assert [identity(path) for path in (site.compose_file, site.site_file)] == files
    (operation,) = watched_site.operations()
    assert (operation["plan"], operation["outcome"]) == ("keep database", "succeeded")


def test_one_stack_is_rolled_back_while_the_other_one_is_left_alone(
    shop: Shop, site: Site, tmp_path: Path
) -> None:
    stacks = {
        "shop": shop_section(shop, tmp_path / "shop-backups"),
        "site": site.section(tmp_path / "site-backups"),
    }
    with guarding(tmp_path, stacks) as guarded:
        guarded.start()
        for stack in stacks:
            guarded.until("release_good", stack=stack)
        others = engine.containers(shop.project)
        site.write_version("2.0", breaks=True)
        done = guarded.run("deploy", "--stack", "site", "--", *site.up_command())
        assert "rolled back" in done.stdout, done
        assert engine.containers(shop.project) == others, "the same containers, started when they were"
        statuses = {status["stack"]: status for status in guarded.ok("status", "--json").json}
        assert statuses["shop"]["last_rollback"] is None
        assert statuses["site"]["last_rollback"]["outcome"] == "succeeded"
