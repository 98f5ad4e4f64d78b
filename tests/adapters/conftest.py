"""Projects on the real engine that leave nothing behind."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.postgres_server import database, server

BASE_IMAGE = "ops-watchdog-demo/base:bookworm"

__all__ = ["database", "docker", "project", "run_service", "server"]

Docker = Callable[..., str]
"""`docker` with the given arguments; its output without the last newline."""


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
