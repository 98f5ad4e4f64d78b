"""`git pull && ops-watchdog deploy`: what lies on disk is the next release already when the backup is made.

One deployment, which breaks; each test looks at another thing that it left.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest
from demo.shop import Shop
from demo.truth import Truth, read_truth

from tests.end_to_end import engine
from tests.end_to_end.guarded import Done, Guarded, Identity, identity

pytestmark = pytest.mark.engine

OWNER = 4711
COMMENT = b"# the old load balancer listened on 8443\n"


@dataclass(frozen=True, slots=True)
class Aftermath:
    """`truth` and `env_file`: of version 1.0, when it ran."""

    shop: Shop
    guarded: Guarded
    truth: Truth
    env_file: Identity
    done: Done


@pytest.fixture(scope="module")
def aftermath(watched_shop: tuple[Shop, Guarded]) -> Aftermath:
    """Somebody noted something in the compose file; later the next release was pulled on top of it."""
    shop, guarded = watched_shop
    os.chown(shop.env_file, OWNER, OWNER)
    shop.up()  # nothing to do: but whoever deploys as that user has such a file
    truth, env_file = read_truth(shop), identity(shop.env_file)
    shop.write_version("migration")
    shop.compose_file.write_bytes(shop.compose_file.read_bytes() + COMMENT)
    shop.env_file.chmod(0o644)
    os.chown(shop.env_file, 0, 0)
    done = guarded.run("deploy", "--", *shop.up_command())
    return Aftermath(shop, guarded, truth, env_file, done)


def test_deploy_says_that_it_failed_and_was_rolled_back(aftermath: Aftermath) -> None:
    assert aftermath.done.exit_code == 1, aftermath.done
    assert "rolled back" in aftermath.done.stdout
    assert "migration migrate exited with code 1" in aftermath.done.stderr


def test_what_ran_runs_again_with_the_bytes_that_it_was_started_with(aftermath: Aftermath) -> None:
    assert read_truth(aftermath.shop) == aftermath.truth
    assert engine.policies(aftermath.shop.project) == engine.POLICIES


def test_the_env_file_has_its_secrets_its_owner_and_nobody_elses_eyes(aftermath: Aftermath) -> None:
    assert identity(aftermath.shop.env_file) == aftermath.env_file
    assert (aftermath.env_file.mode & 0o777, aftermath.env_file.uid) == (0o600, OWNER)


def test_what_the_rollback_replaced_on_disk_is_kept_for_its_owner_only(aftermath: Aftermath) -> None:
    """A comment changes nothing that runs, so it is no release's: it goes, but not for ever."""
    assert COMMENT not in aftermath.shop.compose_file.read_bytes()
    incident = aftermath.guarded.state / "incidents" / str(aftermath.guarded.operations()[-1]["id"])
    kept = incident / "displaced" / aftermath.shop.compose_file.relative_to("/")
    assert kept.read_bytes().endswith(COMMENT)
    assert kept.stat().st_mode & 0o777 == 0o600
