"""One shop for all these tests, brought back to a pristine version 1.0 before each test."""

from __future__ import annotations

from demo.images import docker
from demo.shop import Shop

from tests.end_to_end import engine

PRISTINE = "pristine"


def keep_pristine(shop: Shop) -> None:
    """Keep a copy of the database as version 1.0 made it."""
    engine.sql(shop.project, f'CREATE DATABASE "{PRISTINE}" TEMPLATE shop')


def refresh(shop: Shop) -> None:
    """Files, containers and rows as on the first day; what earlier rollbacks displaced is gone."""
    shop.write_version("1.0")
    running = engine.containers(shop.project)
    docker("rm", "--force", *(c.id for c in running.values() if c.service != "database"))
    gone = [name for name in engine.databases(shop.project) if name != PRISTINE]
    engine.sql(
        shop.project,
        *(f'DROP DATABASE "{name}" WITH (FORCE)' for name in gone),
        f'CREATE DATABASE shop TEMPLATE "{PRISTINE}"',
    )
    shop.up()
