"""A terminal that is killed half-way: all that the command started ends, then the release is put back."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.end_to_end import engine
from tests.end_to_end.guarded import Guarded
from tests.end_to_end.site import Site
from tests.end_to_end.waiting import until

pytestmark = [pytest.mark.engine, pytest.mark.long]

AND_STAYS = """setsid sh -c 'echo $$ > "$1.part"; mv "$1.part" "$1"; exec sleep 600' sh "$1" & sleep 600"""
"""In a session of its own, so that the end of its parents does not reach it."""


def test_what_it_left_running_is_ended_before_the_release_is_put_back(
    site: Site, watched_site: Guarded, tmp_path: Path
) -> None:
    before, told = engine.containers(site.project)["web"].image_id, tmp_path / "pid"
    site.write_version("2.0")
    script = f"{shlex.join(site.up_command())} && {AND_STAYS}"
    terminal = watched_site.begin("deploy", "--", "sh", "-c", script, "sh", str(told))
    until(told.exists, lambda: "the command told no process")
    terminal.kill()
    ended = watched_site.until("rollback_ended")
    assert ended["outcome"] == "succeeded"
    assert not Path(f"/proc/{told.read_text().strip()}").exists()
    assert "terminal" in watched_site.operations()[0]["reasons"][0]
    assert engine.containers(site.project)["web"].image_id == before
