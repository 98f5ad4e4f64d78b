"""Small makers of containers and releases: only what a test names differs from the ordinary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.fakes import MORNING
from watchdog.stack import ConfigFile, Container, Dependency, Release, ServiceRelease


def container(service: str = "backend", **fields: Any) -> Container:
    """A running container of the project `shop`."""
    return Container(
        **{
            "id": f"id-{service}",
            "name": f"shop-{service}-1",
            "service": service,
            "image": f"shop/{service}:1",
            "image_id": f"sha256:{service}-1",
            "config_hash": f"{service}-1",
            "state": "running",
            "created_at": MORNING,
            "started_at": MORNING,
            **fields,
        }
    )


def needing(service: str, *others: str) -> Container:
    """A container that starts after others."""
    return container(service, depends_on=tuple(Dependency(other, "service_started") for other in others))


def config_file(path: Path | str = "/srv/shop/compose.yml", content: bytes = b"services: {}\n") -> ConfigFile:
    return ConfigFile(Path(path), content, 0o644, 0, 0)


def release(name: str = "1", *services: str, **fields: Any) -> Release:
    """A release whose fingerprint follows from its name."""
    made_of = tuple(
        ServiceRelease(s, f"shop/{s}:{name}", f"sha256:{s}-{name}", f"{s}-{name}")
        for s in services or ("backend",)
    )
    return Release(
        **{
            "id": f"release-{name}",
            "stack": "shop",
            "captured_at": MORNING,
            "services": made_of,
            "files": (config_file(),),
            **fields,
        }
    )
