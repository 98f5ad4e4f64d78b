"""A stack without a database: one static web server, with a file mounted into it."""

from __future__ import annotations

import random
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.shop import Shop
from demo.versions import frontend_image

from tests.end_to_end.sections import RHYTHM

PORTS = range(30000, 31000)
"""Below Linux's range for outgoing connections, and beside the shop's."""

COMPOSE = """\
# Version {version}
name: {project}
services:
  web:
    image: {image}
    labels: {{ops-watchdog.demo: "true"}}
    volumes: ["./site.conf:/etc/nginx/sites-enabled/site.conf:ro"]
    ports: ["127.0.0.1:{port}:80"]
{command}networks:
  default: {{labels: {{ops-watchdog.demo: "true"}}}}
"""
SITE = "# Version {version}\nserver {{ listen 80 default_server; root /var/www/html; }}\n"
ENDS_AT_ONCE = '    command: ["sh", "-c", "exit 3"]\n'


@dataclass(frozen=True, slots=True)
class Site:
    directory: Path
    project: str
    port: int

    @property
    def compose_file(self) -> Path:
        return self.directory / "compose.yaml"

    @property
    def site_file(self) -> Path:
        return self.directory / "site.conf"

    def write_version(self, version: str, *, breaks: bool = False) -> None:
        command = ENDS_AT_ONCE if breaks else ""
        image = frontend_image(version)
        text = COMPOSE.format(
            version=version, project=self.project, image=image, port=self.port, command=command
        )
        self.compose_file.write_text(text)
        self.site_file.write_text(SITE.format(version=version))

    def up_command(self) -> list[str]:
        return ["docker", "compose", "--file", str(self.compose_file), "up", "--detach"]

    def up(self) -> None:
        subprocess.run(self.up_command(), check=True, capture_output=True, text=True)

    def down(self) -> None:
        """What carries the project's label, and nothing else."""
        Shop(self.directory, self.project, 0, 0, "", mutable_tag=False).down()

    def section(self, backups: Path, **other: Any) -> dict[str, Any]:
        """`other` replaces whole sections of the configuration."""
        return {
            "compose": str(self.compose_file),
            "config_files": [self.site_file.name],
            "checks": [
                {"http": f"http://127.0.0.1:{self.port}/", "name": "page", "service": "web", **RHYTHM}
            ],
            "deployment": {"min_healthy_time": "500ms", "healthy_deadline": "15s", "monitor": "3s"},
            "backup": {"directory": str(backups), "daily": "off", "disk_reserve": "16MiB"},
            **other,
        }


def lay_out_site(directory: Path, project: str) -> Site:
    """Writes version 1.0; starts nothing."""
    directory.mkdir(parents=True)
    site = Site(directory, project, _free_port())
    site.write_version("1.0")
    return site


def _free_port() -> int:
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise RuntimeError(f"no free port between {PORTS.start} and {PORTS.stop}")
