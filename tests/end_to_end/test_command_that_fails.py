"""A deployment's command that fails before it changed anything: what runs is as good as before."""

from __future__ import annotations

import pytest

from tests.end_to_end import engine
from tests.end_to_end.guarded import Guarded
from tests.end_to_end.site import Site

pytestmark = pytest.mark.engine


COMMANDS = {
    ("docker-compse", "up"): "docker-compse cannot be run: No such file",
    ("false",): "command exited with code 1",
}


def test_it_is_reported_and_the_next_deployment_is_guarded_as_ever(site: Site, watched_site: Guarded) -> None:
    good = watched_site.status()["last_known_good"]
    before = engine.containers(site.project)
    for command, said in COMMANDS.items():
        done = watched_site.run("deploy", "--", *command)
        assert done.exit_code in {1, 2}, done
        assert said in done.stderr
    assert engine.containers(site.project) == before
    assert watched_site.operations() == []
    status = watched_site.status()
    assert (status["last_known_good"], status["why_not"]) == (good, [])

    site.write_version("2.0", breaks=True)
    done = watched_site.run("deploy", "--", *site.up_command())
    assert "rolled back" in done.stdout, done
    assert engine.containers(site.project)["web"].image_id == before["web"].image_id
