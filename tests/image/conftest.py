"""The daemon in a container of its own, beside a small real stack that it guards."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.shop import Shop, lay_out

from tests.image.built import LABEL, ROOT, daemon_image, docker
from tests.image.guarded import configuration


@pytest.fixture
def shop(engine_environment: dict[str, str]) -> Iterator[Shop]:
    """Version 1.0, up. Not under /tmp: that is not the same directory for every daemon."""
    name = f"ows-image-{uuid.uuid4().hex[:8]}"
    shop = lay_out(ROOT / "dist" / name, name)
    try:
        shop.up()
        yield shop
    finally:
        shop.down()
        shutil.rmtree(shop.directory)


@pytest.fixture
def daemon(shop: Shop, engine_environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The container's name; run as the head of the Dockerfile says."""
    socket = engine_environment["DOCKER_HOST"].removeprefix("unix://")
    assert socket.startswith("/"), "this test mounts the engine's socket: DOCKER_HOST must be unix://"
    (tmp_path / "config.yaml").write_text(configuration(shop))
    name = f"{shop.project}-daemon"
    mounts = (
        f"{socket}:/var/run/docker.sock",
        f"{tmp_path}:/etc/ops-watchdog:ro",
        f"{name}:/var/lib/ops-watchdog",
        f"{shop.directory}:{shop.directory}",
    )
    volumes = [option for mount in mounts for option in ("--volume", mount)]
    try:
        docker("volume", "create", "--label", LABEL, name)
        options = ("--name", name, "--label", LABEL, "--init", "--network", "host")
        docker("run", "--detach", *options, *volumes, daemon_image())
        yield name
    finally:
        docker("rm", "--force", name)
        docker("volume", "rm", "--force", name)
