from dataclasses import replace

import pytest

from tests.rollback.samples import operation
from tests.rollback.world import World
from watchdog.errors import StepFailed
from watchdog.rollback.run import Run
from watchdog.rollback.steps.images import pull_images
from watchdog.stack import Release

Broken = tuple[World, Release]


def run_of(world: World, target: Release) -> Run:
    return Run(world.hands(), operation(), target, None, {})


async def test_a_tag_that_was_built_anew_means_the_good_image_again(broken: Broken) -> None:
    world, good = broken
    assert await pull_images(run_of(world, good)) == {"retagged": ["shop/backend:latest"]}
    assert world.engine.calls == [("tag", "sha256:backend-1", "shop/backend:latest")]
    assert world.engine.images["shop/backend:latest"] == "sha256:backend-1"


async def test_repeating_it_changes_nothing(broken: Broken) -> None:
    world, good = broken
    await pull_images(run_of(world, good))
    assert await pull_images(run_of(world, good)) == {"retagged": []}
    assert len(world.engine.calls) == 1


async def test_a_tag_that_was_removed_comes_back(broken: Broken) -> None:
    world, good = broken
    del world.engine.images["shop/backend:latest"]
    assert await pull_images(run_of(world, good)) == {"retagged": ["shop/backend:latest"]}


@pytest.mark.parametrize("image", ["shop/web@sha256:d1", "sha256:web"])
async def test_what_is_named_by_digest_or_id_needs_no_tag(broken: Broken, image: str) -> None:
    world, good = broken
    [web] = [replace(s, image=image) for s in good.services if s.service == "web"]
    assert await pull_images(run_of(world, replace(good, services=(web,)))) == {"retagged": []}
    assert world.engine.calls == []


async def test_a_tag_that_does_not_stick_is_a_failure(broken: Broken) -> None:
    world, good = broken

    async def untag(at: str) -> None:
        raise StepFailed("image sha256:backend-1 is not on this host")

    world.engine.touch = untag
    with pytest.raises(StepFailed, match="not on this host"):
        await pull_images(run_of(world, good))
