"""One host for all of these tests; each begins with the unit freshly started on a small configuration."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.host import CONFIG, UNIT, Host, boot
from tests.image.built import ROOT, docker

HIDDEN_FROM_THE_UNIT = ("/tmp", "/var/tmp", "/home", "/root", "/run")
NEUTRAL = Path("/var/lib/ops-watchdog-tests")
SECRET = "T0SECRET/B0SECRET/secretsecretsecret"


def guarding(*names: str, slack: bool = True) -> str:
    """A configuration of stacks that nobody has started, on a host whose dockerd is absent."""
    stacks = "".join(f"  {name}: {{compose: /opt/{name}/compose.yaml}}\n" for name in names)
    webhook = f'slack: {{webhook_url: "http://127.0.0.1:9/services/{SECRET}"}}\n' if slack else ""
    return f"""
docker: {{host: unix:///run/absent.sock}}
{webhook}stacks:
{stacks}"""


@pytest.fixture(scope="session")
def shared() -> Iterator[Path]:
    """A directory at the same path on this machine, on the engine's, and on the host.

    Beside the checkout, unless that lies where the unit sees a place of its own (PrivateTmp, ProtectHome).
    """
    hidden = any(ROOT.is_relative_to(place) for place in HIDDEN_FROM_THE_UNIT)
    directory = (NEUTRAL if hidden else ROOT / "dist") / f"ows-host-{uuid.uuid4().hex[:8]}"
    directory.mkdir(parents=True)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def machine(engine_environment: dict[str, str], shared: Path) -> Iterator[Host]:
    socket = engine_environment["DOCKER_HOST"].removeprefix("unix://")
    assert socket.startswith("/"), "this test mounts the engine's socket: DOCKER_HOST must be unix://"
    host = boot(socket, shared)
    try:
        host.until(host.booted)
        yield host
    finally:
        docker("rm", "--force", "--volumes", host.name)


@pytest.fixture
def host(machine: Host) -> Host:
    """The unit is active and guards the stack `shop`; nothing is left of the test before."""
    machine.systemctl("stop", UNIT)
    machine.clear()
    for name in ("shop", "blog"):
        machine.write(f"/opt/{name}/compose.yaml", "services: {backend: {image: none}}\n")
    machine.write(CONFIG, guarding("shop"))
    machine.systemctl("start", UNIT)
    return machine
