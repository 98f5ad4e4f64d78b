"""The demo's ops-watchdog: its configuration, the daemon as a child process, and the commands.

Everything lies in one directory of the demo; nothing of an ops-watchdog that guards this host is touched.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.shop import Shop

PROGRAM = Path(sys.executable).with_name("ops-watchdog")
# sockaddr_un holds 108 bytes: a checkout that lies deeper gets its socket elsewhere.
LONGEST_SOCKET_PATH = 100
END_SECONDS = 10.0

# Short periods, so that a minute shows what takes ten in earnest. `monitor` is longer than
# start_period + interval * failure_threshold: it must be able to see each check fail.
CONFIGURATION = """\
# Written by `make demo`: ops-watchdog guards the shop, in a hurry.
state_dir: {state}
socket: {socket}
log: {{format: json}}
slack: {{webhook_url: "{webhook}"}}
stacks:
  shop:
    compose: {compose}
    config_files: [site.conf]
    databases: [{{service: database, name: shop, user: shop}}]
    checks:
      - {{http: "{health}", name: health, service: backend, {rhythm}}}
      - {{http: "{front}", name: front page, service: frontend, {rhythm}}}
      - {{sql: select count(*) from users, min: 1, name: customers, {rhythm}}}
    deployment: {{min_healthy_time: 1s, healthy_deadline: 12s, monitor: 5s}}
    backup: {{directory: {backups}, daily: off, disk_reserve: 256MiB}}
"""
START_PERIOD_SECONDS = 2
RHYTHM = f"interval: 500ms, timeout: 2s, start_period: {START_PERIOD_SECONDS}s, failure_threshold: 3"


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything of one breakage lies."""

    root: Path

    @property
    def shop(self) -> Path:
        return self.root / "shop"

    @property
    def configuration(self) -> Path:
        return self.root / "config.yaml"

    @property
    def log(self) -> Path:
        return self.root / "daemon.log"

    @property
    def events(self) -> Path:
        return self.root / "docker-events.jsonl"

    @property
    def alerts(self) -> Path:
        return self.root / "slack.jsonl"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def incidents(self) -> Path:
        return self.root / "state" / "incidents"

    @property
    def pid(self) -> Path:
        return self.root / "daemon.pid"

    @property
    def socket(self) -> Path:
        here = self.root / "control.sock"
        if len(os.fsencode(here)) <= LONGEST_SOCKET_PATH:
            return here
        return Path(tempfile.gettempdir()) / f"ops-watchdog-demo-{os.getuid()}-{self.root.name}.sock"


def write_configuration(place: Place, shop: Shop, webhook: str) -> None:
    text = CONFIGURATION.format(
        state=place.root / "state",
        socket=place.socket,
        webhook=webhook,
        compose=shop.compose_file,
        health=shop.health_url,
        front=shop.frontend_url,
        backups=place.backups,
        rhythm=RHYTHM,
    )
    place.configuration.touch(mode=0o600)
    place.configuration.write_text(text)


def argv(place: Place, *words: str) -> list[str]:
    return [str(PROGRAM), "--config", str(place.configuration), *words]


def start_daemon(place: Place) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C is for the demo, which then ends the daemon in good order."""
    with place.log.open("wb") as log:
        process = subprocess.Popen(argv(place, "run"), stdout=log, stderr=log, start_new_session=True)
    place.pid.write_text(str(process.pid))
    return process


@contextmanager
def deploying(place: Place, shop: Shop, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """What a person types; Compose's own words go to `log`. Ends it, Compose included, with the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            argv(place, "deploy", "--", *shop.up_command()),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """TERM, and KILL for one that does not listen."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_leftover(place: Place) -> None:
    """Ends the daemon that an earlier run with KEEP=1 left, and no other process that has its number now."""
    try:
        pid = int(place.pid.read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return
    if os.fsencode(place.configuration) not in words:
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + END_SECONDS
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
