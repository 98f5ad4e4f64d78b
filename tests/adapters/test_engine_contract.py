"""What holds for the real engine holds for the fake: so a test on the fake says something."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from tests.adapters.conftest import BASE_IMAGE, Docker
from tests.adapters.probing import late
from tests.fakes import MORNING as NOW
from tests.fakes import FakeEngine
from watchdog.adapters.docker_engine import DockerEngine
from watchdog.errors import StepFailed
from watchdog.stack import Container, Engine

FAKE_BACKEND = Container(
    id="1",
    name="backend-1",
    service="backend",
    image=BASE_IMAGE,
    image_id="sha256:1",
    config_hash="abc",
    state="running",
    created_at=NOW,
)
ENDLESS = ("sleep", "1000")
SOON = timedelta(seconds=20)
MISSING_IMAGE = "sha256:" + "0" * 64


@dataclass
class World:
    """An engine with one running container of service `backend`, and a way to remove it."""

    engine: Engine
    project: str
    remove: Callable[[str], object]

    async def backend(self) -> Container:
        (found,) = await self.engine.containers(self.project)
        return found


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.engine)])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "fake":
        engine = FakeEngine()
        engine.put("shop", FAKE_BACKEND)
        engine.commands = {("true",): 0, ("sh", "-c", "exit 3"): 3, ENDLESS: None}
        yield World(engine, "shop", engine.remove)
        return
    project: str = request.getfixturevalue("project")
    docker: Docker = request.getfixturevalue("docker")
    request.getfixturevalue("run_service")("backend", "sleep", "100", options=("--stop-timeout", "0"))
    real = DockerEngine(request.getfixturevalue("engine_environment")["DOCKER_HOST"])
    yield World(real, project, lambda container: docker("rm", "--force", container))
    await real.close()


async def test_an_unknown_project_has_no_containers(world: World) -> None:
    assert await world.engine.containers("no-such-project") == ()


async def test_stops_and_starts_and_repeats_itself_without_harm(world: World) -> None:
    backend = await world.backend()
    await world.engine.stop([backend])
    await world.engine.stop([backend])
    stopped = await world.backend()
    assert (stopped.id, stopped.state, stopped.ended) == (backend.id, "exited", True)
    await world.engine.start([backend])
    await world.engine.start([backend])
    assert (await world.backend()).running


async def test_a_container_is_restarted_as_itself(world: World) -> None:
    before = await world.backend()
    await world.engine.restart(before.id)
    after = await world.backend()
    assert (after.id, after.state, after.restart_count) == (before.id, "running", 0)
    assert after.started_at is not None
    assert before.started_at is None or after.started_at > before.started_at


async def test_what_is_gone_can_be_stopped_but_not_started(world: World) -> None:
    backend = await world.backend()
    world.remove(backend.id)
    await world.engine.stop([backend])
    await world.engine.set_restart_policy(backend.id, "always")
    await world.engine.restart(backend.id)
    assert await world.engine.logs(backend.id, 10) == ""
    assert await world.engine.read_file(backend.id, "/etc/hostname") is None
    with pytest.raises(StepFailed):
        await world.engine.start([backend])


async def test_a_file_that_is_not_there_is_none(world: World) -> None:
    backend = await world.backend()
    assert await world.engine.read_file(backend.id, "/no/such/file") is None


async def test_a_restart_policy_is_changed_and_kept(world: World) -> None:
    backend = await world.backend()
    await world.engine.set_restart_policy(backend.id, "on-failure", 3)
    changed = await world.backend()
    assert (changed.restart_policy, changed.restart_retries) == ("on-failure", 3)
    assert replace(changed, restart_policy="no", restart_retries=0) == backend


async def test_images_are_known_by_reference_and_by_id_and_unknown_ones_left_out(world: World) -> None:
    image_id = (await world.backend()).image_id
    ids = await world.engine.image_ids([BASE_IMAGE, image_id, MISSING_IMAGE, "no-such/image:1"])
    assert ids == {BASE_IMAGE: image_id, image_id: image_id}
    assert await world.engine.repo_digests(MISSING_IMAGE) == ()


async def test_what_is_not_here_is_neither_tagged_nor_pulled(world: World) -> None:
    with pytest.raises(StepFailed):
        await world.engine.tag(MISSING_IMAGE, "ops-watchdog-test/none:1")
    with pytest.raises(StepFailed):
        await world.engine.pull(f"127.0.0.1:1/none@{MISSING_IMAGE}")


async def test_a_command_returns_its_exit_code(world: World) -> None:
    backend = await world.backend()
    assert await world.engine.execute(backend.id, ["true"], SOON) == 0
    assert await world.engine.execute(backend.id, ["sh", "-c", "exit 3"], SOON) == 3
    assert await world.engine.execute(backend.id, ["no-such-program"], SOON) == 126


async def test_a_command_that_does_not_end_has_no_exit_code(world: World) -> None:
    backend = await world.backend()
    assert await late(world.engine, backend.id, ENDLESS) is None


async def test_no_command_runs_in_what_does_not_run(world: World) -> None:
    backend = await world.backend()
    await world.engine.stop([backend])
    with pytest.raises(StepFailed):
        await world.engine.execute(backend.id, ["true"], SOON)
    world.remove(backend.id)
    with pytest.raises(StepFailed):
        await world.engine.execute(backend.id, ["true"], SOON)
