import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.adapters.conftest import BASE_IMAGE, Docker
from watchdog.adapters.docker_engine import DockerEngine
from watchdog.errors import StepFailed, Unreachable
from watchdog.stack import Container

RunService = Callable[..., str]


@pytest.fixture
async def engine(engine_environment: dict[str, str]) -> AsyncIterator[DockerEngine]:
    engine = DockerEngine(engine_environment["DOCKER_HOST"])
    yield engine
    await engine.close()


async def test_a_missing_socket_says_how_to_start_docker(tmp_path: Path) -> None:
    engine = DockerEngine(f"unix://{tmp_path}/docker.sock")
    with pytest.raises(Unreachable, match=r"docker\.sock: there is no such socket; start Docker"):
        await engine.containers("shop")
    await engine.close()


async def test_a_socket_that_nobody_answers_says_so(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    server = await asyncio.start_unix_server(lambda _, writer: writer.close(), path)
    server.close()
    await server.wait_closed()
    engine = DockerEngine(f"unix://{path}")
    with pytest.raises(Unreachable, match="nothing listens there"):
        await engine.ping()
    await engine.close()


def test_the_address_comes_from_the_environment_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/other.sock")
    assert DockerEngine().address == "unix:///run/other.sock"
    assert DockerEngine("unix:///run/given.sock").address == "unix:///run/given.sock"
    monkeypatch.delenv("DOCKER_HOST")
    assert DockerEngine().address == "unix:///var/run/docker.sock"


@pytest.mark.engine
async def test_answers_a_ping(engine: DockerEngine) -> None:
    await engine.ping()


@pytest.mark.engine
async def test_sees_every_container_of_the_project_and_no_other(
    engine: DockerEngine, project: str, run_service: RunService
) -> None:
    running = run_service("backend", "sleep", "100", options=("--restart", "unless-stopped"))
    created = run_service("migrate", "true", verb="create")
    backend, migrate = await engine.containers(project)
    assert (backend.id, backend.service, backend.state) == (running, "backend", "running")
    assert (backend.restart_policy, backend.config_hash) == ("unless-stopped", "abc")
    assert (migrate.id, migrate.service, migrate.state) == (created, "migrate", "created")
    assert await engine.containers(f"{project}-other") == ()


@pytest.mark.engine
async def test_stops_at_once_each_within_its_own_timeout(
    engine: DockerEngine, project: str, run_service: RunService
) -> None:
    for service in ("a", "b", "c"):
        run_service(service, "sleep", "100", options=("--stop-timeout", "1"))  # PID 1 ignores TERM
    containers = await engine.containers(project)
    began = time.monotonic()
    await engine.stop(containers)
    assert time.monotonic() - began < 2.9
    assert [c.state for c in await engine.containers(project)] == ["exited"] * 3


@pytest.mark.engine
async def test_stopping_what_is_stopped_or_gone_is_fine(
    engine: DockerEngine, project: str, run_service: RunService, docker: Docker
) -> None:
    run_service("a", "true", verb="create")
    run_service("b", "true", verb="create")
    containers = await engine.containers(project)
    docker("rm", containers[1].id)
    await engine.stop(containers)
    await engine.set_restart_policy(containers[1].id, "no")


@pytest.mark.engine
async def test_starts_again_and_again_and_says_what_is_gone(
    engine: DockerEngine, project: str, run_service: RunService, docker: Docker
) -> None:
    run_service("a", "sleep", "100", verb="create")
    containers = await engine.containers(project)
    await engine.start(containers)
    await engine.start(containers)
    assert (await engine.containers(project))[0].running
    docker("rm", "--force", containers[0].id)
    with pytest.raises(StepFailed, match="No such container"):
        await engine.start(containers)


@pytest.mark.engine
async def test_changes_a_restart_policy_and_back(
    engine: DockerEngine, project: str, run_service: RunService
) -> None:
    container = run_service("a", "sleep", "100", options=("--restart", "on-failure:4"))

    async def policy() -> tuple[str, int]:
        (found,) = await engine.containers(project)
        return found.restart_policy, found.restart_retries

    assert await policy() == ("on-failure", 4)
    await engine.set_restart_policy(container, "no")
    assert await policy() == ("no", 0)
    await engine.set_restart_policy(container, "on-failure", 4)
    assert await policy() == ("on-failure", 4)


@pytest.mark.engine
async def test_knows_images_by_any_reference_and_leaves_out_what_is_not_here(
    engine: DockerEngine, project: str, docker: Docker
) -> None:
    image_id = docker("image", "inspect", "--format", "{{.Id}}", BASE_IMAGE)
    tag = f"{project}/copy:1"
    await engine.tag(image_id, tag)
    try:
        ids = await engine.image_ids([BASE_IMAGE, tag, image_id, f"{project}/missing:1"])
    finally:
        docker("rmi", "--no-prune", tag)
    assert ids == {BASE_IMAGE: image_id, tag: image_id, image_id: image_id}
    assert await engine.repo_digests(image_id) == ()


@pytest.mark.engine
async def test_refuses_to_tag_with_a_digest_or_what_is_not_here(engine: DockerEngine, project: str) -> None:
    with pytest.raises(StepFailed, match="digest"):
        await engine.tag("sha256:" + "0" * 64, f"{project}@sha256:" + "1" * 64)
    with pytest.raises(StepFailed, match="No such image"):
        await engine.tag("sha256:" + "0" * 64, f"{project}/copy:1")


@pytest.mark.engine
async def test_a_pull_that_fails_raises_instead_of_finding_an_old_image(
    engine: DockerEngine, project: str
) -> None:
    with pytest.raises(StepFailed):
        await engine.pull(f"127.0.0.1:1/{project}/image@sha256:" + "1" * 64)


@pytest.mark.engine
async def test_reads_a_file_from_the_volume_of_a_container_that_has_ended(
    engine: DockerEngine, run_service: RunService, docker: Docker
) -> None:
    container = run_service("a", "sh", "-c", "echo 15 > /data/PG_VERSION", options=("--volume", "/data"))
    docker("wait", container)
    assert await engine.read_file(container, "/data/PG_VERSION") == b"15\n"
    assert await engine.read_file(container, "/data") is None, "a directory is no file"


@pytest.mark.engine
async def test_shows_the_last_lines_of_both_streams(
    engine: DockerEngine, project: str, run_service: RunService, docker: Docker
) -> None:
    container = run_service("a", "sh", "-c", "echo one; echo two; sleep 0.1; echo three >&2")
    docker("wait", container)
    assert await engine.logs(container, 2) == "two\nthree\n"
    docker("rm", container)
    assert await engine.logs(container, 2) == ""


@pytest.mark.engine
async def test_a_look_is_not_held_up_by_slow_stops(
    engine: DockerEngine, project: str, run_service: RunService
) -> None:
    run_service("a", "sleep", "100", options=("--stop-timeout", "1"))
    containers: tuple[Container, ...] = await engine.containers(project)
    stopping = asyncio.create_task(engine.stop(containers))
    await engine.containers(project)
    assert not stopping.done()
    await stopping
