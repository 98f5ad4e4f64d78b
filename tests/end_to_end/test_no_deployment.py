"""What is no deployment is never rolled back: a restart, a stop and a start, the same made anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from demo.images import docker
from demo.shop import Shop

from tests.end_to_end import engine
from tests.end_to_end.guarded import Guarded

pytestmark = pytest.mark.engine

DECISIONS = ("deployment_observed", "deployment_failed", "rollback_decided", "not_rolled_back")


@dataclass(frozen=True, slots=True)
class Scene:
    shop: Shop
    guarded: Guarded

    def compose(self, *words: str) -> None:
        docker("compose", "--file", str(self.shop.compose_file), *words)


@pytest.fixture
def scene(watched_shop: tuple[Shop, Guarded]) -> Iterator[Scene]:
    """Armed before; and afterwards nothing was taken for a deployment."""
    shop, guarded = watched_shop
    guarded.backup()
    guarded.until_status(lambda status: bool(status["armed"]), "armed")
    yield Scene(shop, guarded)
    guarded.backup()  # it looks again before it begins: everything that happened has been seen
    assert [event for kind in DECISIONS for event in guarded.told(kind)] == []
    assert guarded.operations() == []
    status = guarded.until_status(lambda status: bool(status["armed"]), "armed again")
    assert (status["deployment"], status["doing"]) == (None, None)


def test_a_restart_of_one_service_is_no_deployment(scene: Scene) -> None:
    before = engine.containers(scene.shop.project)["backend"]
    scene.compose("restart", "--timeout", "0", "backend")
    assert engine.containers(scene.shop.project)["backend"].started_at != before.started_at


def test_a_service_that_a_person_stopped_stays_stopped_and_can_be_started_again(scene: Scene) -> None:
    scene.compose("stop", "backend")
    red = scene.guarded.until_status(
        lambda status: any("health" in reason for reason in status["why_not"]), "red, and saying so"
    )
    states = {service["service"]: service["state"] for service in red["services"]}
    assert (states["backend"], states["frontend"]) == ("exited", "running")
    assert red["armed"] is False
    scene.compose("start", "backend")


def test_the_same_made_anew_is_no_deployment(scene: Scene) -> None:
    before = engine.containers(scene.shop.project)["backend"]
    scene.compose("up", "--detach", "--force-recreate", "backend", "frontend")
    assert engine.containers(scene.shop.project)["backend"].id != before.id
