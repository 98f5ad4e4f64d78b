"""A Debian host with a dockerd of its own, inside of which a project runs and the unit guards it."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.adapters.conftest import BASE_IMAGE
from tests.host.host import CONFIG, PRIVILEGES, UNIT, Host, build
from tests.image.built import LABEL, ROOT, docker
from tests.image.guarded import until_status

TAG = "ops-watchdog-test/engine-host:bookworm"
BOOT_SECONDS = 90
COMPOSE_FILE = "/opt/shop/compose.yaml"
COMMAND = "/opt/ops-watchdog/bin/ops-watchdog"
GUARDING = f"""
stacks:
  shop:
    compose: {COMPOSE_FILE}
    checks:
      - {{docker: steady, interval: 500ms, start_period: 1s}}
    deployment: {{min_healthy_time: 1s}}
    backup: {{directory: backups, daily: "off", disk_reserve: 16MiB}}
"""


def compose_file(release: int) -> str:
    """One that dockerd starts again, one with a code of its own for a stop, one that has to be killed."""
    return f"""
services:
  steady:
    image: {BASE_IMAGE}
    init: true
    command: [sleep, infinity]
    restart: unless-stopped
    environment: {{RELEASE: "{release}"}}
    healthcheck: {{test: [CMD, "true"], interval: 500ms, start_period: 1s}}
  polite:
    image: {BASE_IMAGE}
    command: [sh, -c, "trap 'exit 3' TERM; while :; do sleep 0.1; done"]
    environment: {{RELEASE: "{release}"}}
  deaf:
    image: {BASE_IMAGE}
    command: [sh, -c, "trap '' TERM; while :; do sleep 0.1; done"]
    environment: {{RELEASE: "{release}"}}
    stop_grace_period: 1s
"""


@dataclass(frozen=True, slots=True)
class EngineHost:
    host: Host

    def status(self) -> str:
        return self.host.run(COMMAND, "status", "--json")

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        return until_status(self.status, wanted)

    def deploy(self, release: int) -> None:
        self.host.write(COMPOSE_FILE, compose_file(release))
        self.host.run("docker", "compose", "--file", COMPOSE_FILE, "up", "--detach", "--quiet-pull")

    def inspected(self) -> dict[str, tuple[str, str, int]]:
        """Service to state, health and restarts, by `docker inspect`."""
        found = self.host.run("docker", "ps", "--all", "--quiet", "--no-trunc").split()
        return dict(map(_inspected, json.loads(self.host.run("docker", "inspect", *found))))

    def pid(self, service: str) -> str:
        """Of the service's first process, on the host."""
        return self.host.run("docker", "inspect", "--format", "{{.State.Pid}}", f"shop-{service}-1")


def shown(status: dict[str, Any]) -> dict[str, tuple[str, str, int]]:
    """The same as `inspected`, by the guard's own account."""
    return {s["service"]: (s["state"], s["health"], s["restarts"]) for s in status["services"]}


def _inspected(container: dict[str, Any]) -> tuple[str, tuple[str, str, int]]:
    service = container["Config"]["Labels"]["com.docker.compose.service"]
    health = container["State"].get("Health", {}).get("Status", "none")
    return service, (container["State"]["Status"], health, container["RestartCount"])


def boot_with_engine() -> EngineHost:
    """Its dockerd has the base image, and nothing else."""
    host = Host(f"ows-host-{uuid.uuid4().hex[:8]}")
    volume = ("--volume", "/var/lib/docker")
    docker("run", "--detach", "--name", host.name, "--label", LABEL, *PRIVILEGES, *volume, _build())
    return EngineHost(host)


def await_boot(machine: EngineHost) -> None:
    """dockerd too has started then, which on a busy machine takes longer than what a `Host` waits for."""
    deadline = time.monotonic() + BOOT_SECONDS
    while not machine.host.booted():
        assert time.monotonic() < deadline, f"not up within {BOOT_SECONDS} s"


def furnish(machine: EngineHost) -> None:
    """Release 1 runs, is the last known good one, and has a backup."""
    with tempfile.TemporaryFile() as image:
        subprocess.run(["docker", "save", BASE_IMAGE], stdout=image, check=True)
        image.seek(0)
        load = ["docker", "exec", "--interactive", machine.host.name, "docker", "load", "--quiet"]
        subprocess.run(load, stdin=image, check=True, capture_output=True)
    machine.host.write(CONFIG, GUARDING)
    machine.deploy(1)
    machine.host.systemctl("restart", UNIT)
    machine.until(lambda s: s["last_known_good"] is not None)
    machine.host.run(COMMAND, "backup")


def _build() -> str:
    dockerfile = str(ROOT / "tests/host/engine.Dockerfile")
    options = ("--quiet", "--load", "--build-arg", f"BASE={build()}", "--tag", TAG, "--file", dockerfile)
    docker("buildx", "build", *options, str(ROOT / "systemd"), timeout=300)
    return TAG
