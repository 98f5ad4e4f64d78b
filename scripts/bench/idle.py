"""Weighs a daemon that guards the healthy shop with default rhythms and has nothing to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from demo.daemon import Place, argv, end, start_daemon
from demo.shop import Shop, lay_out
from demo.stage import HOME
from demo.timeline import Timeline
from rich.console import Console

SETTLE_SECONDS = 10.0
WATCHED_SECONDS = 30.0
TICKS = os.sysconf("SC_CLK_TCK")

CONFIGURATION = """\
state_dir: {root}/state
socket: {socket}
log: {{format: json}}
stacks:
  shop:
    compose: {compose}
    databases: [{{service: database, name: shop, user: shop}}]
    checks:
      - http: "{health}"
      - http: "{front}"
      - {{sql: select count(*) from users, min: 1}}
    deployment: {{min_healthy_time: 2s}}
    backup: {{directory: {root}/backups}}
"""


@dataclass(frozen=True, slots=True)
class Idle:
    """Resident memory of the daemon, and its share of one core."""

    resident_mib: float
    core_percent: float


def weigh(console: Console) -> Idle:
    """With every import done and every pool warm: it has captured, checked, and been asked for a backup."""
    place = Place(HOME / "idle")
    shutil.rmtree(place.root, ignore_errors=True)
    Shop(place.shop, "ops-watchdog-demo-idle", 0, 0, "", mutable_tag=False).down()
    shop = lay_out(place.shop, "ops-watchdog-demo-idle")
    _configure(place, shop)
    shop.up()
    daemon = start_daemon(place)
    try:
        console.print("idle: a daemon with default rhythms is left alone")
        timeline = Timeline(place.log, lambda: None, Console(quiet=True))
        timeline.until({"release_good"}, 60.0, "the adoption of what runs")
        subprocess.run(argv(place, "backup"), check=True, capture_output=True)
        time.sleep(SETTLE_SECONDS)
        return _watch(daemon.pid)
    finally:
        end(daemon)
        shop.down()


def _configure(place: Place, shop: Shop) -> None:
    text = CONFIGURATION.format(
        root=place.root,
        socket=place.socket,
        compose=shop.compose_file,
        health=shop.health_url,
        front=shop.frontend_url,
    )
    place.configuration.write_text(text)


def _watch(pid: int) -> Idle:
    before, begin = _ticks(pid), time.monotonic()
    time.sleep(WATCHED_SECONDS)
    share = (_ticks(pid) - before) / TICKS / (time.monotonic() - begin)
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Idle(resident / 1024**2, share * 100)


def _ticks(pid: int) -> int:
    """User and system time, of the process alone."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
