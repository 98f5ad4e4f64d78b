"""A release that failed is brought back; whoever asks is told the whole story, also with the daemon dead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.guarded import Guarded, guarding
from tests.end_to_end.site import Site

pytestmark = pytest.mark.engine


def rolled_back_again(site: Site, guarded: Guarded) -> str:
    """Somebody brings up what breaks; the ID of the deployment that it was."""
    seen = len(guarded.events())
    site.write_version("2.0", breaks=True)
    site.up()
    guarded.until("rollback_ended", seen, outcome="succeeded")
    guarded.until_status(lambda status: status["runs_last_known_good"], "what was good before")
    return str(guarded.until("deployment_observed", seen)["deployment"])


def test_what_failed_is_known_again_and_all_of_it_can_be_explained(site: Site, tmp_path: Path) -> None:
    with guarding(tmp_path, {"site": site.section(tmp_path / "backups")}) as guarded:
        guarded.watch()
        guarded.until("armed")
        first = rolled_back_again(site, guarded)
        second = rolled_back_again(site, guarded)
        assert first != second
        (told,) = [a for a in guarded.alerts() if a["title"] == "a release that failed before is back"]
        assert "web runs the image" in told["text"]
        assert "Brought by a deployment that nobody announced" in told["text"]

        document = guarded.ok("explain", "--json").json
        assert document["about"] == second
        assert "it failed and was rolled back" in document["answer"]
        assert "2 automatic rollbacks in 24 h" in document["now"]["answer"]
        kinds = {line["kind"] for line in document["lines"]}
        assert {"deployment", "verdict", "quarantine", "rollback", "step", "alert"} <= kinds

        shown = guarded.ok("explain", first).stdout
        assert f"deployment {first}: it failed and was rolled back" in shown
        assert "failed: web exited with code 3" in shown
        assert "verify health: done in" in shown
        guarded.kill()
        alone = guarded.ok("explain", first).stdout
        assert alone.splitlines()[0] == shown.splitlines()[0]
        assert guarded.run("explain", "nobody").exit_code == 2
