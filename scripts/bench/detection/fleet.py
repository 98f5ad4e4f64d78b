"""Fifty containers and fifty checks in one stack, at default rhythms: what guarding them costs when idle.

Every other service has a HEALTHCHECK and a check that reads it; the others are asked by HTTP.
"""

from __future__ import annotations

import time

from rich.console import Console

from bench.detection.arrivals import serving
from bench.detection.thin import guarded
from bench.limits import Limit
from bench.weight import weigh

CONTAINERS = 50
SETTLE_SECONDS = 20.0
WATCHED_SECONDS = 60.0
"""Two looks at every container, one a half minute."""

HEAD = "name: {project}\nservices:\n"
SERVICE = '  app{number}: {{{{image: "{{image}}", command: [sleep, infinity], init: true{healthcheck}}}}}\n'
HEALTHCHECK = ", healthcheck: {{test: [CMD, 'true']}}"
SECTION = "    deployment: {min_healthy_time: 2s}\n    checks:\n"
BY_HTTP = (
    '      - {{http: "http://127.0.0.1:{port}/{number}", name: "check {number}", service: app{number}}}\n'
)
BY_ENGINE = '      - {{docker: app{number}, name: "check {number}"}}\n'


def measure(console: Console) -> list[Limit]:
    console.print(f"{CONTAINERS} containers and as many checks")
    numbers = range(CONTAINERS)
    services = (SERVICE.format(number=n, healthcheck=HEALTHCHECK * (n % 2)) for n in numbers)
    with serving() as server:
        checks = ((BY_ENGINE if n % 2 else BY_HTTP).format(port=server.port, number=n) for n in numbers)
        with guarded("fleet", HEAD + "".join(services), SECTION + "".join(checks)) as thin:
            time.sleep(SETTLE_SECONDS)
            weight = weigh(thin.pid, WATCHED_SECONDS)
    return [
        Limit(f"{CONTAINERS} containers, as many checks: of one core", weight.core_percent, 1.0, "%"),
        Limit(f"{CONTAINERS} containers, as many checks: resident", weight.resident_mib, 75.0, "MiB"),
    ]
