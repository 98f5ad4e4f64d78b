"""Sets up what the soak needs: ten stacks, the daemon over them, and their end."""

from __future__ import annotations

import random
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from demo.daemon import Place, end_leftover
from demo.shop import Shop, lay_out
from demo.stage import HOME

from bench.soak.engine import Engine
from bench.soak.house import BACKUP, DEPLOYMENT, RHYTHM, Guarded, House
from bench.soak.product import (
    CHECKED,
    DEMO,
    DEMO_TAG,
    MIGRATING,
    PATIENT,
    PLAIN,
    SCALED,
    Flavour,
    Product,
    build_images,
)
from bench.soak.scene import Scene
from bench.soak.traffic import Traffic

ROOT = HOME / "soak"
PROJECT = "ops-watchdog-soak"
FIRST_DEPLOYMENT_SECONDS = 120.0
# Below Linux's range for outgoing connections, and beside the demo's.
PORTS = range(10000, 20000)

STACKS: Mapping[str, Flavour] = {
    "plain-1": PLAIN,
    "plain-2": PLAIN,
    "migrating-1": MIGRATING,
    "migrating-2": MIGRATING,
    "checked-1": CHECKED,
    "checked-2": CHECKED,
    "scaled-1": SCALED,
    "patient-2": PATIENT,
    "shop-2": DEMO,
    "tag-1": DEMO_TAG,
}
"""Number 1 rolls back by itself, number 2 says what it would have done."""


@dataclass(frozen=True, slots=True)
class Stage:
    house: House
    engine: Engine
    scenes: tuple[Scene, ...]


@contextmanager
def set_up() -> Iterator[Stage]:
    """Ends with containers removed and the daemon ended; files stay, its log among them."""
    place = Place(ROOT)
    end_leftover(place)
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    with ExitStack() as ending, socket.create_server(("127.0.0.1", 0)) as taken:
        build_images()
        guarded: list[Guarded] = []
        scenes: list[Scene] = []
        house, traffic, engine = House(place, guarded), Traffic(), Engine()
        for name, flavour in STACKS.items():
            scene = _scene(name, flavour, (house, traffic, engine))
            scene.taken_port = taken.getsockname()[1]
            scenes.append(scene)
            guarded.append(Guarded(name, _section(scene)))
            ending.callback(scene.shop.down if scene.shop else scene.product.down)
            scene.run(*scene.up())
        ending.callback(house.close)
        house.open()
        yield Stage(house, engine, tuple(scenes))


def _scene(name: str, flavour: Flavour, shared: tuple[House, Traffic, Engine]) -> Scene:
    directory, project, log = ROOT / name, f"{PROJECT}-{name}", ROOT / f"{name}.log"
    shop = None
    if flavour in (DEMO, DEMO_TAG):
        Shop(directory, project, 0, 0, "", mutable_tag=False).down()
        shop = lay_out(directory, project, mutable_tag=flavour is DEMO_TAG)
        return Scene(name, Product(directory, project, shop.backend_port, flavour), *shared, log, shop=shop)
    product = Product(directory, project, _free_port(), flavour)
    product.down()
    product.build("a")
    scene = Scene(name, product, *shared, log)
    scene.write()
    return scene


def _section(scene: Scene) -> dict[str, Any]:
    product, flavour = scene.product, scene.product.flavour
    limits = {"monitor": f"{flavour.monitor:g}s", "command_timeout": f"{flavour.command_timeout:g}s"}
    return {
        "compose": str(product.file),
        "config_files": ["site.conf"],
        "checks": _shop_checks(scene.shop) if scene.shop else _checks(scene),
        "deployment": {**DEPLOYMENT, **limits},
        "backup": {**BACKUP, "directory": str(ROOT / f"{scene.name}.backups")},
        "rollback": {"mode": "auto" if scene.name.endswith("1") else "notify"},
        **({"databases": [{"service": "database", "name": "shop", "user": "shop"}]} if scene.shop else {}),
    }


def _checks(scene: Scene) -> list[dict[str, Any]]:
    """The first of each pair says which service a check is about; the second leaves it open."""
    url = f"http://127.0.0.1:{scene.product.port}"
    rhythm = {**RHYTHM, "start_period": f"{scene.product.flavour.start_period:g}s"}
    about = {"service": "web"} if scene.name.endswith("1") else {}
    return [
        {"http": f"{url}/health", "name": "health", "contains": '"ok"', **about, **rhythm},
        {"http": f"{url}/login", "name": "login", "redirects_to": "keycloak", **about, **rhythm},
        {"http": f"{url}/flap", "name": "flap", "severity": "wanted", **rhythm},
    ]


def _shop_checks(shop: Shop) -> list[dict[str, Any]]:
    rhythm = {**RHYTHM, "start_period": "3s"}
    return [
        {"http": shop.health_url, "name": "health", "service": "backend", **rhythm},
        {"http": shop.frontend_url, "name": "front page", "service": "frontend", **rhythm},
        {"sql": "select count(*) from users", "min": 1, "name": "customers", **rhythm},
    ]


def _free_port() -> int:
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise RuntimeError(f"no free port between {PORTS.start} and {PORTS.stop}")
