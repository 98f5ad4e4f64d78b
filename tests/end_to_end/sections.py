"""The configuration of a stack under test: as in the manual, but in a hurry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from demo.shop import Shop

RHYTHM = {"interval": "250ms", "timeout": "2s", "start_period": "1s", "failure_threshold": 3}
MONITOR_SECONDS = 4


def shop_section(shop: Shop, backups: Path, **other: Any) -> dict[str, Any]:
    """`other` replaces whole sections."""
    return {
        "compose": str(shop.compose_file),
        "config_files": [shop.site_file.name],
        "databases": [{"service": "database", "name": "shop", "user": "shop"}],
        "checks": [
            {"http": shop.health_url, "name": "health", "service": "backend", **RHYTHM},
            {"sql": "select count(*) from users", "min": 1, "name": "customers", **RHYTHM},
        ],
        "deployment": {"min_healthy_time": "1s", "healthy_deadline": "15s", "monitor": f"{MONITOR_SECONDS}s"},
        "backup": {"directory": str(backups), "daily": "off", "disk_reserve": "16MiB"},
        **other,
    }
