"""A whole Debian host in one container: systemd is its first process, the daemon installed and enabled."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.image.built import LABEL, ROOT, command, daemon_image, docker

TAG = "ops-watchdog-test/host:bookworm"
UNIT = "ops-watchdog.service"
DROP_INS = f"/run/systemd/system/{UNIT}.d"
CONFIG = "/etc/ops-watchdog/config.yaml"
PATIENCE_SECONDS = 20
PRIVILEGES = (
    *("--privileged", "--cgroupns=host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw"),
    *("--tmpfs", "/run", "--tmpfs", "/run/lock"),
)

Entry = Mapping[str, Any]
"""One entry of the journal, as `journalctl --output json` prints it."""


@dataclass(frozen=True, slots=True)
class Host:
    name: str

    def run(self, *argv: str) -> str:
        return docker("exec", self.name, *argv)

    def booted(self) -> bool:
        """systemd answers and has finished; degraded: a unit failed, as ours does unconfigured."""
        argv = ["docker", "exec", self.name, "systemctl", "is-system-running"]
        said = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
        return said in ("running", "degraded")

    def systemctl(self, *argv: str) -> str:
        return self.run("systemctl", *argv)

    def show(self, *names: str) -> tuple[str, ...]:
        """Properties of the unit, in the order of the names."""
        lines = self.systemctl("show", UNIT, *(f"--property={name}" for name in names)).splitlines()
        values = dict(line.split("=", 1) for line in lines)
        return tuple(values[name] for name in names)

    def write(self, path: str, text: str) -> None:
        script = 'mkdir -p "${1%/*}" && cat >"$1"'
        argv = ["docker", "exec", "--interactive", self.name, "sh", "-c", script, "-", path]
        subprocess.run(argv, input=text, text=True, check=True, capture_output=True)

    def drop_in(self, name: str, text: str) -> None:
        """Takes part from the next start on; gone with `clear`."""
        self.write(f"{DROP_INS}/{name}.conf", text)
        self.systemctl("daemon-reload")

    def clear(self) -> None:
        self.run("rm", "--recursive", "--force", DROP_INS, "/var/lib/ops-watchdog", CONFIG)
        self.systemctl("daemon-reload")

    def cursor(self) -> str:
        """The journal's end, for `entries` and `await_event`."""
        shown = self.run("journalctl", "--lines=1", "--show-cursor", "--quiet", "--output=cat")
        return shown.rpartition("-- cursor: ")[2].strip()

    def entries(self, cursor: str) -> list[Entry]:
        """Everything since. Not filtered: systemd 252 loses the first match after a cursor that is none."""
        lines = self.run("journalctl", f"--after-cursor={cursor}", "--output=json").splitlines()
        return [json.loads(line) for line in lines]

    def await_event(self, event: str, cursor: str, told: str = "") -> Entry:
        """The first entry since with that EVENT, and `told` in its message; waits for it."""
        follow = ("journalctl", f"--after-cursor={cursor}", "--lines=all", "--follow", "--output=json")
        argv = ["docker", "exec", self.name, "timeout", str(PATIENCE_SECONDS), *follow]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as journal:
            assert journal.stdout is not None
            entries = (entry for entry in map(json.loads, journal.stdout) if entry.get("EVENT") == event)
            found: Entry | None = next((entry for entry in entries if told in entry["MESSAGE"]), None)
            journal.terminate()
        messages = [entry["MESSAGE"] for entry in self.entries(cursor)]
        assert found is not None, f"no {event} within {PATIENCE_SECONDS} s: {messages}"
        return found

    def until(self, condition: Callable[[], bool]) -> None:
        """Asks again and again; each question is a process of its own, which is pause enough."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s"


def build() -> str:
    """The host's image, of the sources as they are; unchanged layers are kept."""
    wheels = ROOT / "dist/wheels/3.11"
    client = daemon_image()
    command([str(ROOT / "scripts/image/wheels"), "3.11"])
    contexts = (f"wheels={wheels}", f"client=docker-image://{client}")
    options = [option for context in contexts for option in ("--build-context", context)]
    base = ("--build-arg", "BASE=ops-watchdog-demo/base:bookworm", "--tag", TAG)
    dockerfile = str(ROOT / "tests/host/Dockerfile")
    docker(
        "buildx",
        "build",
        "--quiet",
        "--load",
        *base,
        *options,
        "--file",
        dockerfile,
        str(ROOT / "systemd"),
        timeout=300,
    )
    return TAG


def boot(engine_socket: str, shared: Path) -> Host:
    """Starts a host that sees the engine's socket, and the directory `shared` at the same path."""
    host = Host(f"ows-host-{uuid.uuid4().hex[:8]}")
    volumes = ("--volume", f"{engine_socket}:/run/docker.sock", "--volume", f"{shared}:{shared}")
    docker("run", "--detach", "--name", host.name, "--label", LABEL, *PRIVILEGES, *volumes, build())
    return host
