"""A real shop on the real engine, guarded by a daemon that is a process of its own."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.shop import Shop, build_images, lay_out

from tests.conftest import ROOT
from tests.end_to_end.fresh import keep_pristine, refresh
from tests.end_to_end.guarded import Guarded
from tests.end_to_end.sections import shop_section
from tests.end_to_end.site import Site, lay_out_site


@pytest.fixture(scope="session")
def one_shop(engine_environment: dict[str, str]) -> Iterator[Shop]:
    """Version 1.0, up. Not under /tmp: that is not the same directory for every engine."""
    name = f"ows-e2e-{uuid.uuid4().hex[:8]}"
    shop = lay_out(ROOT / "dist" / name, name)
    try:
        shop.up()
        keep_pristine(shop)
        yield shop
    finally:
        shop.down()
        shutil.rmtree(shop.directory)


@pytest.fixture
def shop(one_shop: Shop) -> Shop:
    """Pristine."""
    refresh(one_shop)
    return one_shop


@pytest.fixture
def guarded(shop: Shop, tmp_path: Path) -> Iterator[Guarded]:
    """Configured; no daemon runs yet."""
    guarded = Guarded(tmp_path, {"shop": shop_section(shop, tmp_path / "backups")})
    try:
        yield guarded
    finally:
        guarded.end()


@pytest.fixture
def watched(guarded: Guarded) -> Guarded:
    """The daemon runs, and knows what runs as good."""
    guarded.start()
    guarded.until("release_good")
    return guarded


@pytest.fixture
def site(engine_environment: dict[str, str]) -> Iterator[Site]:
    """A stack without a database, version 1.0, up."""
    build_images()
    name = f"ows-e2e-{uuid.uuid4().hex[:8]}"
    site = lay_out_site(ROOT / "dist" / name, name)
    try:
        site.up()
        yield site
    finally:
        site.down()
        shutil.rmtree(site.directory)
