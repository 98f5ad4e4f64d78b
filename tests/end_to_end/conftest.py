"""A real shop on the real engine, guarded by a daemon that is a process of its own."""

from __future__ import annotations

import shutil
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.shop import Shop, build_images, lay_out

from tests.conftest import ROOT
from tests.end_to_end.fresh import keep_pristine, refresh
from tests.end_to_end.guarded import Guarded, guarding
from tests.end_to_end.sections import shop_section
from tests.end_to_end.site import Site, lay_out_site
from tests.postgres_server import database, server

__all__ = ["database", "server"]


@pytest.fixture(scope="session", autouse=True)
def ended_in_good_order() -> Iterator[None]:
    """TERM (of timeout(1), of a cancelled CI job) ends the tests as Ctrl-C does: nothing is left behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


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
def own_shop(engine_environment: dict[str, str]) -> Iterator[Shop]:
    """Of this test alone: its volume does not survive."""
    name = f"ows-e2e-{uuid.uuid4().hex[:8]}"
    shop = lay_out(ROOT / "dist" / name, name)
    try:
        shop.up()
        yield shop
    finally:
        shop.down()
        shutil.rmtree(shop.directory)


@pytest.fixture
def shop(one_shop: Shop) -> Shop:
    """Pristine."""
    refresh(one_shop)
    return one_shop


@pytest.fixture(scope="module")
def watched_shop(one_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Guarded]]:
    """Pristine, and watched by one daemon for the tests of a module, each of which leaves it as it was."""
    refresh(one_shop)
    root = tmp_path_factory.mktemp("watched")
    with guarding(root, {"shop": shop_section(one_shop, root / "backups")}) as guarded:
        guarded.watch()
        yield one_shop, guarded


@pytest.fixture
def guarded(shop: Shop, tmp_path: Path) -> Iterator[Guarded]:
    """Configured; no daemon runs yet."""
    with guarding(tmp_path, {"shop": shop_section(shop, tmp_path / "backups")}) as guarded:
        yield guarded


@pytest.fixture
def watched(guarded: Guarded) -> Guarded:
    """The daemon runs, and knows what runs as good."""
    guarded.watch()
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


@pytest.fixture
def watched_site(site: Site, tmp_path: Path) -> Iterator[Guarded]:
    """The daemon runs, and knows what runs as good."""
    with guarding(tmp_path, {"site": site.section(tmp_path / "backups")}) as guarded:
        guarded.watch()
        yield guarded
