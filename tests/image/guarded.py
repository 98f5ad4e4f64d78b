"""A shop, and a configuration of the daemon that guards it: for one in a container or on a whole host."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from demo.shop import Shop

PATIENCE_SECONDS = 30.0


def configuration(shop: Shop, extra: str = "") -> str:
    """Small times, so that the release counts as good within two seconds of green checks."""
    return f"""
stacks:
  shop:
    compose: {shop.compose_file}
    config_files: [{shop.site_file.name}]
    databases: [{{service: database, name: shop, user: shop}}]
    checks:
      - {{docker: backend, interval: 500ms, start_period: 1s}}
      - {{sql: select count(*) from orders, min: 1, interval: 500ms, start_period: 1s}}
    deployment: {{min_healthy_time: 1s}}
    backup: {{directory: backups, daily: "off", disk_reserve: 16MiB}}
{extra}"""


def until_status(told: Callable[[], str], wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask for `status --json` until it is as wanted; asking takes 0.5 s, which is pause enough."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        (status,) = json.loads(told())
        if wanted(status):
            return dict(status)
        assert time.monotonic() < deadline, f"still not as wanted: {status}"


def running(status: dict[str, Any]) -> set[str]:
    return {service["service"] for service in status["services"] if service["state"] == "running"}
