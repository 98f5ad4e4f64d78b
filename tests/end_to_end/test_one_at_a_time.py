"""One operation per stack, across daemon and commands: the second is told who holds it, since when."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.guarded import Done, Guarded, guarding
from tests.end_to_end.site import Site
from tests.end_to_end.waiting import until

pytestmark = pytest.mark.engine

SINCE = re.compile(r"since \d\d:\d\d:\d\d")


@contextmanager
def deploying(guarded: Guarded, directory: Path) -> Iterator[str]:
    """A deployment whose command waits to be let go on; yields what its command is called."""
    gate, begun = directory / "gate", directory / "begun"
    os.mkfifo(gate)
    script = directory / "deploy.sh"
    script.write_text(f"touch {begun}; cat {gate}\n")
    command = guarded.begin("deploy", "--", "sh", str(script))
    try:
        until(begun.exists, "the deployment's command")
        yield f"deploy sh {script}"
    finally:
        with gate.open("w"):
            pass
        _, told = command.communicate(timeout=60)
    assert command.returncode == 0, told


def assert_told_who(done: Done, holder: str) -> None:
    assert (done.exit_code, done.stdout) == (3, ""), done
    assert holder in done.stderr
    assert SINCE.search(done.stderr), done.stderr


def test_the_daemon_names_what_it_is_doing(watched_site: Guarded, tmp_path: Path) -> None:
    with deploying(watched_site, tmp_path) as holder:
        assert_told_who(watched_site.run("backup"), holder)
        assert watched_site.status()["doing"] == holder


def test_a_command_without_a_daemon_names_the_one_that_came_first(site: Site, tmp_path: Path) -> None:
    with (
        guarding(tmp_path, {"site": site.section(tmp_path / "backups")}) as guarded,
        deploying(guarded, tmp_path) as holder,
    ):
        assert_told_who(guarded.run("backup"), holder)
