"""A thousand HTTP checks at intervals of five seconds: what they cost, and whether they are late."""

from __future__ import annotations

import time

from rich.console import Console

from bench.detection.arrivals import serving
from bench.detection.punctuality import worst
from bench.detection.thin import guarded
from bench.limits import Limit
from bench.weight import weigh

CHECKS = 1000
INTERVAL_SECONDS = 5.0
SETTLE_SECONDS = 10.0
WATCHED_SECONDS = 60.0

COMPOSE = """\
name: {project}
services:
  app: {{image: "{image}", command: [sleep, infinity], init: true, restart: unless-stopped}}
"""
SECTION = "    deployment: {min_healthy_time: 5s}\n    checks:\n"
CHECK = '      - {{http: "http://127.0.0.1:{port}/{number}", name: "check {number}", interval: 5s}}\n'


def measure(console: Console) -> list[Limit]:
    """Once in quiet, and for the lateness also from the start on, while the adoption judges them all."""
    console.print(f"{CHECKS} HTTP checks at {INTERVAL_SECONDS:g} s intervals")
    with serving() as server:
        checks = "".join(CHECK.format(port=server.port, number=number) for number in range(CHECKS))
        with guarded("crowd", COMPOSE, SECTION + checks) as thin:
            time.sleep(SETTLE_SECONDS)
            begin = time.monotonic()
            weight = weigh(thin.pid, WATCHED_SECONDS)
            arrivals = server.end()
    asked = sum(at >= begin for times in arrivals.values() for at in times) / WATCHED_SECONDS
    console.print(f"  {asked:.0f} requests a second came from {len(arrivals)} checks")
    return [
        Limit(f"{CHECKS} checks: of one core", weight.core_percent, 25.0, "%"),
        Limit(f"{CHECKS} checks: resident memory", weight.resident_mib, 120.0, "MiB"),
        Limit(f"{CHECKS} checks: the latest request", worst(arrivals, INTERVAL_SECONDS, begin), 0.5, "s"),
        Limit("the same, from the start on", worst(arrivals, INTERVAL_SECONDS, 0.0), None, "s"),
        Limit(f"{CHECKS} checks: missing requests a second", CHECKS / INTERVAL_SECONDS - asked, 5.0, ""),
    ]
