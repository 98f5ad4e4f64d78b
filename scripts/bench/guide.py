"""What the user does by hand today, timed on the same shop: what the rollback is held against."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request

from demo.shop import Shop

SERVICES = ("backend", "frontend")
HEALTHY_WITHIN_SECONDS = 60.0


def by_hand(shop: Shop) -> float:
    """Seconds from the first command to a green health endpoint; the guide's `sleep 15` is left out."""
    dump = _psql_tool(shop, "pg_dump", "-U", "shop", "shop")
    begin = time.monotonic()
    _compose(shop, "stop", *SERVICES)
    _psql_tool(shop, "pg_dump", "-U", "shop", "shop")  # the guide's safety backup
    _psql_tool(shop, "psql", "-U", "shop", "-d", "postgres", "-c", "DROP DATABASE shop WITH (FORCE)")
    _psql_tool(shop, "psql", "-U", "shop", "-d", "postgres", "-c", "CREATE DATABASE shop")
    _psql_tool(shop, "psql", "-q", "-U", "shop", "shop", text=dump)
    _compose(shop, "up", "--detach", *SERVICES)
    _until_healthy(shop)
    return time.monotonic() - begin


def _compose(shop: Shop, *words: str) -> None:
    command = ["docker", "compose", "--progress", "quiet", "--file", str(shop.compose_file), *words]
    subprocess.run(command, check=True, capture_output=True)


def _psql_tool(shop: Shop, *words: str, text: str | None = None) -> str:
    command = ["docker", "compose", "--file", str(shop.compose_file), "exec", "-T", "database", *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True, input=text)
    return done.stdout


def _until_healthy(shop: Shop) -> None:
    deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(shop.health_url, timeout=1):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.02)
    raise RuntimeError("the shop did not become healthy after the guide's procedure")
