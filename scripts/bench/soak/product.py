"""The soak's small projects: a web service, a worker, and for some a migration, without a database.

Behaviour comes from the environment (`image/program.py`), so that one image serves every kind.
"""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.images import docker

Service = dict[str, Any]
Edits = Mapping[str, Mapping[str, Any]]
"""Service to what is different about it: keys in capitals are its environment, None takes a key away."""

IMAGE = Path(__file__).parent / "image"
REPOSITORY = "ops-watchdog-soak"
BUILDS = ("a", "b")
ALL = "all"
"""As a service's name in edits: each of them."""


@dataclass(frozen=True, slots=True)
class Flavour:
    """What a small project is made of, and how patient its checks are. Seconds.

    `health`: its services have a HEALTHCHECK. `workers`: how many containers the worker has.
    """

    name: str
    migrates: bool = False
    health: bool = False
    workers: int = 1
    start_period: float = 3.0
    monitor: float = 6.0
    command_timeout: float = 60.0


PLAIN = Flavour("plain", command_timeout=25.0)
MIGRATING = Flavour("migrating", migrates=True)
CHECKED = Flavour("checked", health=True)
SCALED = Flavour("scaled", workers=3)
DEMO = Flavour("demo")
DEMO_TAG = Flavour("demo-tag")
"""The demo's shop, with its database; the second one has a mutable tag."""
PATIENT = Flavour("patient", migrates=True, health=True, start_period=9.0, monitor=12.0)


@dataclass(frozen=True, slots=True)
class Product:
    """One small project in a directory of its own."""

    directory: Path
    project: str
    port: int
    flavour: Flavour

    @property
    def file(self) -> Path:
        return self.directory / "compose.yaml"

    @property
    def site(self) -> Path:
        """Mounted into the web service, which does not read it."""
        return self.directory / "site.conf"

    @property
    def image(self) -> str:
        return f"{REPOSITORY}/{self.project}:latest"

    def write(self, release: int, edits: Edits) -> None:
        """A release on disk, as `git pull` would leave it; JSON is YAML."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.site.touch()
        self.file.write_text(json.dumps(document(self, release, edits), indent=1))

    def build(self, build: str) -> None:
        """What a rebuild does to a mutable tag: it now names another image."""
        docker("tag", f"{REPOSITORY}/program:{build}", self.image)

    def running(self) -> list[str]:
        """IDs of the containers that run now."""
        return docker("ps", "--quiet", "--filter", self._label).split()

    def states(self) -> str:
        """For people: every container, and what became of it."""
        shown = "{{.Names}}\t{{.Status}}\t{{.CreatedAt}}\t{{.ID}}"
        return docker("ps", "--all", "--no-trunc", "--filter", self._label, "--format", shown)

    def sweep(self) -> None:
        """One-off containers stay until somebody removes them."""
        one_off = ("--filter", "label=com.docker.compose.oneoff=True")
        if found := docker("ps", "--all", "--quiet", "--filter", self._label, *one_off).split():
            docker("rm", "--force", *found)

    @property
    def _label(self) -> str:
        return f"label=com.docker.compose.project={self.project}"

    def down(self) -> None:
        """Whatever is left of it, by label rather than by file; images stay."""
        if found := docker("ps", "--all", "--quiet", "--filter", self._label).split():
            docker("rm", "--force", "--volumes", *found)
        if found := docker("network", "ls", "--quiet", "--filter", self._label).split():
            docker("network", "rm", *found)


def document(product: Product, release: int, edits: Edits) -> dict[str, Any]:
    """The compose file. A service with an edit to None is left out of it."""
    services = _at_rest(product)
    for name, service in services.items():
        service["environment"]["RELEASE"] = str(release)
        edit(service, edits.get(ALL, {}))
        edit(service, edits.get(name, {}))
    for name in edits.keys() - services.keys() - {ALL}:
        services[name] = edit(_service(product, "worker"), edits[name])
    kept = {name: service for name, service in services.items() if not service.pop("gone", False)}
    return {"name": product.project, "services": kept}


def edit(service: Service, changes: Mapping[str, Any]) -> Service:
    """The service, changed."""
    for key, value in changes.items():
        place = service["environment"] if key.isupper() else service
        if value is None:
            place.pop(key, None)
        else:
            place[key] = copy.deepcopy(value)
    return service


def _at_rest(product: Product) -> dict[str, Service]:
    flavour = product.flavour
    web, worker = _service(product, "web"), _service(product, "worker")
    web["ports"] = [f"127.0.0.1:{product.port}:8000"]
    web["volumes"] = ["./site.conf:/etc/site.conf:ro"]
    web["environment"]["STORE"] = "worker:9000"
    worker["scale"] = flavour.workers
    if flavour.health:
        worker["healthcheck"] = healthcheck()
    services = {"web": web, "worker": worker}
    if flavour.migrates:
        migrate = _service(product, "migrate")
        del migrate["restart"]
        web["depends_on"] = {"migrate": {"condition": "service_completed_successfully"}}
        services = {"migrate": migrate, **services}
    return services


def healthcheck(start_period: str = "10s") -> dict[str, Any]:
    """Of the worker: it is ready once it says so."""
    command = ["CMD", "test", "-e", "/tmp/ready"]
    return {"test": command, "interval": "1s", "timeout": "3s", "retries": 2, "start_period": start_period}


def _service(product: Product, role: str) -> Service:
    return {
        "image": product.image,
        "command": [role],
        "environment": {},
        "restart": "unless-stopped",
        "stop_grace_period": "3s",
        "pull_policy": "never",
    }


def unseen(worker: Mapping[str, Any]) -> Edits:
    """What no check sees: the web service does not ask for it."""
    return {"worker": worker, "web": {"STORE": None}}


def build_images() -> None:
    """Makes both images exist, as the present program has them."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(IMAGE.iterdir()))).hexdigest()[:16]
    for build in BUILDS:
        name = f"{REPOSITORY}/program:{build}"
        label = '{{index .Config.Labels "ops-watchdog.soak.sources"}}'
        told = subprocess.run(
            ["docker", "image", "inspect", "--format", label, name],
            capture_output=True,
            text=True,
            check=False,
        )
        if told.stdout.strip() != digest:
            argument, label = f"BUILD={build}", f"ops-watchdog.soak.sources={digest}"
            docker("build", "--quiet", "--build-arg", argument, "--label", label, "--tag", name, str(IMAGE))
