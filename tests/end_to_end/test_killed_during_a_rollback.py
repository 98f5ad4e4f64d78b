"""The daemon dies in the middle of a rollback, at each of its steps: the next one goes on, to the same end.

Each time the shop runs version 2.0, with its schema and its own rows, and is rolled back to 1.0.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass

import pytest
from demo.shop import Shop
from demo.truth import Truth, displaced_databases, read_tables, read_truth

from tests.end_to_end import engine
from tests.end_to_end.fresh import PRISTINE
from tests.end_to_end.guarded import Guarded
from tests.end_to_end.waiting import until

pytestmark = pytest.mark.engine

SOONER = ("restore_database", "restart_services")
"""With every run of the tests; the other steps with those that take long."""
LATER = ("preflight", "stop_services", "revert_compose", "pull_images", "verify_health")


@dataclass(frozen=True, slots=True)
class Scene:
    """`truth` is what was true of version 1.0 when its backup, `timestamp`, was made."""

    shop: Shop
    guarded: Guarded
    truth: Truth
    timestamp: str


@pytest.fixture(scope="module")
def scene(watched_shop: tuple[Shop, Guarded]) -> Scene:
    shop, guarded = watched_shop
    return Scene(shop, guarded, read_truth(shop), guarded.backup())


@pytest.fixture
def version_two(scene: Scene) -> Scene:
    """Version 2.0 runs; what the test before left displaced is gone."""
    shop = scene.shop
    engine.sql(shop.project, *(f'DROP DATABASE "{name}"' for name in displaced_databases(shop)))
    seen = len(scene.guarded.events())
    shop.write_version("2.0")
    shop.up()
    scene.guarded.until("deployment_observed", seen)
    return scene


def roll_back_and_send(scene: Scene, number: signal.Signals, step: str) -> int:
    """Ends the daemon once the step is begun; how many events its log had then."""
    guarded = scene.guarded
    known = len(guarded.operations())
    command = guarded.begin("rollback", "--yes", "--backup-timestamp", scene.timestamp)
    until(lambda: len(guarded.operations()) > known and step in guarded.steps_begun(), f"the step {step}")
    guarded.kill(number)
    _, told = command.communicate(timeout=60)
    assert (command.returncode, "daemon went away" in told or "daemon stops" in told) == (1, True), told
    return len(guarded.events())


def assert_all_back(scene: Scene) -> None:
    project = scene.shop.project
    assert read_truth(scene.shop) == scene.truth
    (displaced,) = displaced_databases(scene.shop)
    left = engine.databases(project)
    assert left == {"shop": True, PRISTINE: True, displaced: True}, "no copy is left over, all are open"
    assert "invoices" in read_tables(scene.shop, displaced), "what version 2.0 wrote is kept"
    assert engine.policies(project) == engine.POLICIES


@pytest.mark.parametrize("step", [*SOONER, *(pytest.param(step, marks=pytest.mark.long) for step in LATER)])
def test_the_next_daemon_finishes_the_rollback_that_a_sigkill_interrupted(
    version_two: Scene, step: str
) -> None:
    seen = roll_back_and_send(version_two, signal.SIGKILL, step)
    version_two.guarded.start()
    ended = version_two.guarded.until("rollback_ended", seen)
    assert ended["outcome"] == "succeeded", ended
    assert_all_back(version_two)
    assert version_two.guarded.operations()[-1]["outcome"] == "succeeded"


def test_the_next_daemon_finishes_the_rollback_that_a_sigterm_interrupted(version_two: Scene) -> None:
    seen = roll_back_and_send(version_two, signal.SIGTERM, "restore_database")
    version_two.guarded.start()
    ended = version_two.guarded.until("rollback_ended", seen)
    assert ended["outcome"] == "succeeded", ended
    assert_all_back(version_two)
