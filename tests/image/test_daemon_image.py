"""The Dockerfile's image: builds, guards a real stack through the mounted socket, ends in order."""

from __future__ import annotations

import json
import subprocess
import time
from functools import partial
from typing import Any

import pytest
from demo.shop import Shop

from tests.image.built import LABEL, daemon_image, docker
from tests.image.guarded import running, until_status

pytestmark = [pytest.mark.engine, pytest.mark.long]


def images_of(status: dict[str, Any]) -> dict[str, str]:
    return {service["service"]: service["image_id"] for service in status["services"]}


def tell(daemon: str, *arguments: str) -> str:
    return docker("exec", daemon, "ops-watchdog", *arguments)


@pytest.mark.timeout(300)  # the first time, the image is built
def test_guards_a_stack_on_the_host_s_engine_backs_it_up_and_rolls_it_back(daemon: str, shop: Shop) -> None:
    ask = partial(tell, daemon, "status", "--json")
    status = until_status(ask, lambda s: s["last_known_good"] is not None)
    assert running(status) == {"database", "backend", "frontend"}
    tell(daemon, "backup")
    status = until_status(ask, lambda s: s["armed"])
    images, released = images_of(status), shop.compose_file.read_bytes()

    shop.write_version("2.0")
    shop.up()
    until_status(ask, lambda s: s["deployment"] is not None)
    tell(daemon, "rollback", "--yes")

    (status,) = json.loads(ask())
    assert status["last_rollback"]["outcome"] == "succeeded"
    assert images_of(status) == images
    assert shop.compose_file.read_bytes() == released


def test_has_the_client_tools_for_a_database_outside_of_the_stacks(daemon: str) -> None:
    pg_restore = "/usr/lib/postgresql/17/bin/pg_restore"
    assert "(PostgreSQL) 17" in docker("exec", daemon, pg_restore, "--version")


def test_is_healthy_while_the_daemon_answers_and_stops_within_seconds(daemon: str) -> None:
    assert await_event(daemon, "health_status") == "health_status: healthy"
    began = time.monotonic()
    docker("stop", "--time", "90", daemon)
    assert time.monotonic() - began < 10
    assert docker("inspect", "--format", "{{.State.ExitCode}}", daemon) == "0"


def test_says_what_is_missing_where_it_has_no_configuration(engine_environment: dict[str, str]) -> None:
    environment = ("--env", "OPS_WATCHDOG_CONFIG=/none.yaml", "--label", LABEL)
    argv = ["docker", "run", "--rm", *environment, daemon_image()]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, "/none.yaml cannot be read" in done.stderr) == (2, True), done.stderr


def await_event(container: str, kind: str) -> str:
    """The first event of that kind since the container's start, past ones included."""
    argv = [
        "docker",
        "events",
        "--since",
        "5m",
        "--filter",
        f"container={container}",
        "--filter",
        f"event={kind}",
    ]
    with subprocess.Popen([*argv, "--format", "{{json .}}"], stdout=subprocess.PIPE, text=True) as events:
        assert events.stdout is not None
        action = str(json.loads(events.stdout.readline())["Action"])
        events.terminate()
    return action
