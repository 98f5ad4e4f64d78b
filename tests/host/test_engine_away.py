"""A dockerd that is restarted, killed, away or hangs in a deployment's window: no failed release by that."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.host.engine_host import EngineHost, await_boot, boot_with_engine, furnish, shown
from tests.image.built import docker

pytestmark = [pytest.mark.host, pytest.mark.long, pytest.mark.timeout(400)]  # the first one builds the images

releases = itertools.count(2)


@pytest.fixture(scope="module")
def furnished(engine_environment: dict[str, str]) -> Iterator[EngineHost]:
    machine = boot_with_engine()
    try:
        await_boot(machine)
        furnish(machine)
        yield machine
    finally:
        docker("rm", "--force", "--volumes", machine.host.name)


@pytest.fixture
def machine(furnished: EngineHost) -> EngineHost:
    """In the window of a release all of which runs: a new one, or that of the test before, changed again."""
    furnished.deploy(next(releases))
    furnished.until(lambda s: s["deployment"] is not None and s["armed"] and _agrees(furnished, s))
    assert {state for state, *_ in furnished.inspected().values()} == {"running"}
    return furnished


def _agrees(machine: EngineHost, status: dict[str, Any]) -> bool:
    return status["docker"] == "answers" and shown(status) == machine.inspected()


def _assert_nothing_was_rolled_back(machine: EngineHost, cursor: str) -> None:
    """Also once the guard hears of everything again, and has judged it: each question is a turn of it."""
    machine.until(lambda s: _agrees(machine, s))
    machine.host.await_event("events_found", cursor)
    machine.until(lambda s: _agrees(machine, s))
    status = machine.until(lambda s: _agrees(machine, s))
    assert status["last_rollback"] is None
    assert (status["deployment"]["phase"], status["deployment"]["reasons"]) == ("monitoring", [])


def _kill_dockerd(machine: EngineHost, then: str) -> None:
    """At once the second command: systemd would start it again after 2 s."""
    kill = "systemctl kill --kill-whom=main --signal=KILL docker"
    machine.host.run("sh", "-c", f"{kill} && systemctl {then} docker")


def test_a_restart_of_dockerd_is_no_failed_release(machine: EngineHost) -> None:
    cursor = machine.host.cursor()
    machine.host.systemctl("restart", "docker")
    _assert_nothing_was_rolled_back(machine, cursor)


def test_a_dockerd_that_ends_its_containers_after_its_own_violent_end_is_no_failed_release(
    machine: EngineHost,
) -> None:
    cursor = machine.host.cursor()
    _kill_dockerd(machine, "restart")
    _assert_nothing_was_rolled_back(machine, cursor)
    assert machine.inspected()["polite"][0] == "exited"


def test_what_dies_while_dockerd_is_away_is_seen_afterwards_and_is_no_failed_release(
    machine: EngineHost,
) -> None:
    cursor = machine.host.cursor()
    pids = [machine.pid(service) for service in ("steady", "polite")]
    _kill_dockerd(machine, "stop")
    machine.until(lambda s: s["docker"] == "does not answer")
    machine.host.run("kill", "-KILL", *pids)
    machine.host.systemctl("start", "docker")
    _assert_nothing_was_rolled_back(machine, cursor)


def test_a_dockerd_that_hangs_is_no_failed_release(machine: EngineHost) -> None:
    cursor = machine.host.cursor()
    machine.host.systemctl("kill", "--kill-whom=main", "--signal=STOP", "docker")
    try:
        machine.host.await_event("events_lost", cursor)
    finally:
        machine.host.systemctl("kill", "--kill-whom=main", "--signal=CONT", "docker")
    _assert_nothing_was_rolled_back(machine, cursor)
