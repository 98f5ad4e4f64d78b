from datetime import timedelta
from pathlib import Path

import pytest

from tests.adapters.conftest import BASE_IMAGE, Docker
from watchdog.adapters.compose import (
    Compose,
    config_hash_argv,
    minimal_environment,
    parse_argv,
    parse_hashes,
    parse_images,
    up_argv,
)
from watchdog.adapters.process import ProgramMissing
from watchdog.errors import StepFailed
from watchdog.stack import Stack

SHOP = Stack(
    name="shop",
    project="shop-prod",
    directory=Path("/opt/shop"),
    files=(Path("/opt/shop/compose.yml"), Path("/opt/shop/override.yml")),
    env_files=(Path("/opt/shop/prod.env"),),
)
FILES_ARGV = [
    *("docker", "compose", "--project-name", "shop-prod", "--project-directory", "/opt/shop"),
    *("--file", "/opt/shop/compose.yml", "--file", "/opt/shop/override.yml"),
    *("--env-file", "/opt/shop/prod.env"),
]


def test_asks_for_hashes_with_every_file_in_order() -> None:
    assert config_hash_argv(SHOP) == [*FILES_ARGV, "config", "--hash", "*"]


def test_brings_services_up_from_local_images_only() -> None:
    assert up_argv(SHOP, ["backend", "frontend"]) == [
        *FILES_ARGV,
        *("--progress", "quiet", "up", "--detach", "--pull", "never", "--no-build", "backend", "frontend"),
    ]


def test_brings_as_many_containers_up_as_are_asked_for() -> None:
    assert up_argv(SHOP, ["backend"], {"backend": 3})[-4:] == [
        "--no-build",
        "--scale",
        "backend=3",
        "backend",
    ]


def test_parses_copies_against_the_original_project_directory(tmp_path: Path) -> None:
    assert parse_argv(SHOP, tmp_path) == [
        *("docker", "compose", "--project-name", "shop-prod", "--project-directory", "/opt/shop"),
        *("--file", f"{tmp_path}/opt/shop/compose.yml", "--file", f"{tmp_path}/opt/shop/override.yml"),
        *("--env-file", f"{tmp_path}/opt/shop/prod.env", "config", "--quiet"),
    ]


def test_uses_a_kept_default_env_file_in_place_of_the_one_on_disk(tmp_path: Path) -> None:
    kept = tmp_path / "opt/shop/.env"
    kept.parent.mkdir(parents=True)
    kept.touch()
    stack = Stack("shop", "shop", Path("/opt/shop"), (Path("/opt/shop/compose.yml"),))
    assert parse_argv(stack, tmp_path)[-4:] == ["--env-file", str(kept), "config", "--quiet"]


def test_reads_a_hash_per_service() -> None:
    assert parse_hashes("backend 2c46\ndb 8f10\n\n") == {"backend": "2c46", "db": "8f10"}


def test_passes_on_nothing_of_our_environment_but_what_compose_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", "/etc/docker-config")
    monkeypatch.setenv("SLACK_TOKEN", "secret")
    environment = minimal_environment("unix:///run/other.sock")
    assert environment["DOCKER_HOST"] == "unix:///run/other.sock"
    assert environment["DOCKER_CONFIG"] == "/etc/docker-config"
    assert "SLACK_TOKEN" not in environment


@pytest.fixture
def stack(project: str, tmp_path: Path) -> Stack:
    file = tmp_path / "compose.yml"
    file.write_text("name: named-inside\nservices: {a: {image: 'shop:${TAG}'}}\n")
    (tmp_path / ".env").write_text("TAG=1\n")
    return Stack("shop", project, tmp_path, (file,))


@pytest.fixture
def compose(engine_environment: dict[str, str]) -> Compose:
    return Compose({**engine_environment, "HOME": "/root"})


@pytest.mark.engine
async def test_hashes_change_with_the_files_and_not_with_our_environment(
    compose: Compose, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await compose.config_hashes(stack)
    monkeypatch.setenv("TAG", "2")
    assert await compose.config_hashes(stack) == before
    (stack.directory / ".env").write_text("TAG=2\n")
    assert (await compose.config_hashes(stack))["a"] != before["a"]


@pytest.mark.engine
async def test_a_file_that_does_not_parse_fails_with_what_compose_says(
    compose: Compose, stack: Stack, tmp_path: Path
) -> None:
    stack.files[0].write_text("services: {a: {image: 3}}\n")
    with pytest.raises(StepFailed, match=r"docker compose config.*services\.a\.image must be a string"):
        await compose.config_hashes(stack)
    with pytest.raises(StepFailed, match="no such file"):
        await compose.parse(stack, tmp_path / "kept")


@pytest.mark.engine
async def test_what_compose_quotes_stays_out_of_the_error(compose: Compose, stack: Stack) -> None:
    stack.files[0].write_text("services: {a: {image: 'hunter2${oops'}}\n")
    with pytest.raises(StepFailed, match=r"services\.a\.image cannot be interpolated: write \$\$") as raised:
        await compose.config_hashes(stack)
    assert "hunter2" not in str(raised.value)


@pytest.mark.engine
async def test_an_image_that_is_not_here_fails_instead_of_being_pulled(
    compose: Compose, stack: Stack
) -> None:
    with pytest.raises(StepFailed, match=r"docker compose up.*No such image: shop:1"):
        await compose.up(stack, [], timedelta(seconds=60))


async def test_docker_missing_names_what_to_install(tmp_path: Path) -> None:
    stack = Stack("shop", "shop", tmp_path, (tmp_path / "compose.yml",))
    with pytest.raises(ProgramMissing, match="docker"):
        await Compose({"PATH": str(tmp_path)}).config_hashes(stack)


CHAIN = """
services:
  backend:
    image: {image}
    command: ["sleep", "100"]
    stop_grace_period: 0s
    depends_on: {{migrate: {{condition: service_completed_successfully}}}}
  migrate:
    image: {image}
    command: ["sh", "-c", "sleep 0.2; exit {code}"]
"""


@pytest.mark.engine
async def test_brings_services_up_once_what_they_depend_on_is_done(
    compose: Compose, stack: Stack, docker: Docker
) -> None:
    stack.files[0].write_text(CHAIN.format(image=BASE_IMAGE, code=0))
    await compose.up(stack, ["backend"], timedelta(seconds=60))
    states = docker("inspect", "--format", "{{.State.Status}}", f"{stack.project}-migrate-1")
    assert states == "exited"
    hashes = await compose.config_hashes(stack)
    label = '{{index .Config.Labels "com.docker.compose.config-hash"}}'
    assert docker("inspect", "--format", label, f"{stack.project}-backend-1") == hashes["backend"]


@pytest.mark.engine
async def test_a_migration_that_fails_fails_the_start(compose: Compose, stack: Stack) -> None:
    stack.files[0].write_text(CHAIN.format(image=BASE_IMAGE, code=3))
    with pytest.raises(StepFailed, match=r'"migrate" didn\'t complete successfully: exit 3'):
        await compose.up(stack, [], timedelta(seconds=60))


def test_reads_the_image_of_each_service_and_quotes_nothing_of_what_is_no_definition() -> None:
    output = (
        '{"services": {"api": {"image": "shop/api:1", "environment": {"A": "b"}}, "built": {"build": "."}}}'
    )
    assert parse_images(output, "shop") == {"api": "shop/api:1", "built": "shop-built"}
    for wrong in ("hunter2", "[]", '{"services": ["hunter2"]}', '{"services": {"a": "hunter2"}}'):
        with pytest.raises(StepFailed) as caught:
            parse_images(wrong, "shop")
        assert "hunter2" not in str(caught.value)


@pytest.mark.engine
async def test_tells_the_images_of_a_project(compose: Compose, stack: Stack) -> None:
    stack.files[0].write_text("services: {a: {image: 'shop:${TAG:-7}'}, b: {build: .}}\n")
    assert await compose.images(stack) == {"a": "shop:1", "b": f"{stack.project}-b"}
