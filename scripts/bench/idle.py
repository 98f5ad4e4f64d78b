"""Weighs a daemon that guards the healthy shop with default rhythms and has nothing to do."""

from __future__ import annotations

import shutil
import subprocess
import time

from demo.daemon import Place, argv, end, start_daemon
from demo.shop import Shop, lay_out
from demo.stage import HOME
from demo.timeline import Timeline
from rich.console import Console

from bench.weight import Weight, weigh

SETTLE_SECONDS = 10.0
WATCHED_SECONDS = 30.0

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


def idle(console: Console) -> Weight:
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
        return weigh(daemon.pid, WATCHED_SECONDS)
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
