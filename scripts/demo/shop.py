"""The demo product "shop" as a person has it on a host: a directory with a compose file.

Used by the demo and by the integration tests. Several copies run beside each
other, each with its own project name, ports, volume and password.
"""

from __future__ import annotations

import random
import re
import secrets
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from demo.images import PROJECT_LABEL, STACK, build_images, build_mutable, docker
from demo.versions import VERSIONS, Version, backend_image, edited, frontend_image

__all__ = ["Shop", "build_images", "lay_out"]

PROJECT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
# Below Linux's range for outgoing connections, which would take a port between
# its choice here and its use.
PORTS = range(20000, 30000)


@dataclass(frozen=True, slots=True)
class Shop:
    directory: Path
    project: str
    backend_port: int
    frontend_port: int
    password: str
    mutable_tag: bool

    @property
    def compose_file(self) -> Path:
        return self.directory / "compose.yaml"

    @property
    def env_file(self) -> Path:
        return self.directory / ".env"

    @property
    def site_file(self) -> Path:
        """Bind-mounted into the frontend."""
        return self.directory / "site.conf"

    @property
    def backend_url(self) -> str:
        return f"http://127.0.0.1:{self.backend_port}"

    @property
    def health_url(self) -> str:
        return f"{self.backend_url}/api/v1/health"

    @property
    def frontend_url(self) -> str:
        return f"http://127.0.0.1:{self.frontend_port}"

    def write_version(self, name: str) -> None:
        """Changes the files on disk as `git pull` would; with a mutable tag, also what the tag holds.

        `name` is a key of VERSIONS: "1.0", "2.0" or a breakage.
        """
        version = VERSIONS[name]
        if self.mutable_tag:
            build_mutable(self.project, self._mutable, version.backend, version.frontend)
        elif name == "tag":
            raise ValueError("breakage 'tag' needs a shop laid out with mutable_tag=True")
        for file in (self.compose_file, self.site_file):
            file.write_text(edited((STACK / file.name).read_text(), version))
        self.env_file.write_text(self._environment(version))
        self.env_file.chmod(0o600)

    def up_command(self) -> list[str]:
        """What the person types to deploy. Fails when the migration fails."""
        return ["docker", "compose", "--file", str(self.compose_file), "up", "--detach"]

    def up(self) -> None:
        subprocess.run(self.up_command(), check=True, capture_output=True, text=True)

    def down(self) -> None:
        """Removes this project's containers, volumes, networks and own images; nobody else's.

        By label rather than by `compose down`: whatever a test did to the files.
        """
        ours = ("--quiet", "--filter", f"label=com.docker.compose.project={self.project}")
        _remove(("rm", "--force", "--volumes"), docker("ps", "--all", *ours))
        _remove(("volume", "rm", "--force"), docker("volume", "ls", *ours))
        _remove(("network", "rm"), docker("network", "ls", *ours))
        own_images = docker("image", "ls", "--quiet", "--filter", f"label={PROJECT_LABEL}={self.project}")
        _remove(("image", "rm", "--force"), own_images)

    @property
    def _mutable(self) -> str:
        return f"stable-{self.project}"

    def _environment(self, version: Version) -> str:
        values = {
            "COMPOSE_PROJECT_NAME": self.project,
            "BACKEND_IMAGE": backend_image(self._mutable if self.mutable_tag else version.backend),
            "FRONTEND_IMAGE": frontend_image(self._mutable if self.mutable_tag else version.frontend),
            "BACKEND_PORT": self.backend_port,
            "FRONTEND_PORT": self.frontend_port,
            "POSTGRES_PASSWORD": self.password,
        }
        return "".join(f"{key}={value}\n" for key, value in values.items())


def lay_out(directory: Path, project: str, *, mutable_tag: bool = False) -> Shop:
    """Writes version 1.0 into `directory` (made if missing); starts nothing."""
    if not PROJECT_NAME.fullmatch(project):
        raise ValueError(f"{project!r} is no Compose project name: lower case, digits, - and _")
    directory.mkdir(parents=True, exist_ok=True)
    backend_port, frontend_port = _free_ports(2)
    password = secrets.token_hex(12)
    shop = Shop(directory.resolve(), project, backend_port, frontend_port, password, mutable_tag)
    build_images()
    shop.write_version("1.0")
    return shop


def _free_ports(count: int) -> list[int]:
    free: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                free.append(port)
        if len(free) == count:
            return free
    raise RuntimeError(f"no {count} free ports between {PORTS.start} and {PORTS.stop}")


def _remove(command: tuple[str, ...], listed: str) -> None:
    if identifiers := sorted(set(listed.split())):
        docker(*command, *identifiers)
