"""What a person had stopped before a deployment is not started by its rollback."""

from __future__ import annotations

import pytest
from demo.images import docker
from demo.shop import Shop

from tests.end_to_end import engine
from tests.end_to_end.guarded import Guarded

pytestmark = pytest.mark.engine


def test_a_service_that_was_stopped_before_the_deployment_stays_stopped(shop: Shop, watched: Guarded) -> None:
    """The deployment starts it, as `up` does, and the rollback does not."""
    docker("compose", "--file", str(shop.compose_file), "stop", "frontend")
    before = engine.containers(shop.project)
    shop.write_version("exit")
    done = watched.run("deploy", "--", *shop.up_command())
    assert (done.exit_code, watched.operations()[-1]["outcome"]) == (1, "succeeded"), done
    after = engine.containers(shop.project)
    assert after["frontend"].state != "running"
    assert (after["backend"].image_id, after["backend"].state) == (before["backend"].image_id, "running")
