"""A real engine for the adapters: its environment, and projects that leave nothing behind."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASE_IMAGE = "ops-watchdog-demo/base:bookworm"
NAMES = ("DOCKER_HOST", "DOCKER_CONFIG", "PATH")

Docker = Callable[..., str]
"""`docker` with the given arguments; its output without the last newline."""


@pytest.fixture(scope="session")
def engine_environment() -> dict[str, str]:
    """DOCKER_HOST, DOCKER_CONFIG and PATH of the engine for tests; fails where none answers."""
    script = f'eval "$({ROOT}/scripts/engine/env)" && env'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    pairs = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    if not pairs.keys() >= set(NAMES):
        pytest.fail(f"no engine to test with, run `make engine`: {done.stderr}")
    return {name: pairs[name] for name in NAMES}


@pytest.fixture(scope="session")
def docker(engine_environment: dict[str, str]) -> Docker:
    def run(*arguments: str) -> str:
        argv = ["docker", *arguments]
        environment = {**os.environ, **engine_environment}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.rstrip("\n")

    return run


@pytest.fixture
def project(docker: Docker) -> Iterator[str]:
    """A project name of the test's own; whatever carries its label is removed afterwards."""
    name = f"ows-test-{uuid.uuid4().hex[:8]}"
    yield name
    label = f"label=com.docker.compose.project={name}"
    if containers := docker("ps", "--all", "--quiet", "--filter", label).split():
        docker("rm", "--force", "--volumes", *containers)
    if networks := docker("network", "ls", "--quiet", "--filter", label).split():
        docker("network", "rm", *networks)


@pytest.fixture
def run_service(docker: Docker, project: str) -> Callable[..., str]:
    """Start a container as a service of the test's project and return its ID."""

    def run(service: str, *command: str, options: tuple[str, ...] = (), verb: str = "run") -> str:
        detach = ("--detach",) if verb == "run" else ()
        labels = {"project": project, "service": service, "oneoff": "False", "config-hash": "abc"}
        flags = [f"--label=com.docker.compose.{name}={value}" for name, value in labels.items()]
        return docker(
            verb, *detach, "--name", f"{project}-{service}-1", *flags, *options, BASE_IMAGE, *command
        )

    return run
