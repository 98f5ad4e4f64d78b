"""The hardened unit guards a real stack: nothing that a rollback needs is forbidden to it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from demo.shop import Shop, lay_out

from tests.host.host import CONFIG, UNIT, Host
from tests.image.built import ROOT, docker
from tests.image.guarded import configuration, running, until_status

pytestmark = [pytest.mark.host, pytest.mark.timeout(300)]  # the first one builds the images


@pytest.fixture
def shop(machine: Host, shared: Path) -> Iterator[Shop]:
    """Up, and its network reached by the host, as any host reaches the networks of its own engine."""
    name = f"ows-host-{uuid.uuid4().hex[:8]}"
    shop = lay_out(shared / name, name)
    network = f"{name}_default"
    try:
        shop.up()
        docker("network", "connect", network, machine.name)
        yield shop
    finally:
        docker("network", "disconnect", "--force", network, machine.name)
        shop.down()
        shutil.rmtree(shop.directory)


@pytest.mark.long
def test_backs_up_and_rolls_back_a_project_that_a_drop_in_makes_writable(host: Host, shop: Shop) -> None:
    elsewhere = (ROOT / "systemd/drop-ins/project-elsewhere.conf").read_text()
    host.drop_in("project-elsewhere", elsewhere.replace("/data/shop /var/backups/shop", str(shop.directory)))
    host.write(CONFIG, configuration(shop))
    host.systemctl("restart", UNIT)
    tell = partial(host.run, "/opt/ops-watchdog/bin/ops-watchdog")
    ask = partial(tell, "status", "--json")
    status = until_status(ask, lambda s: s["last_known_good"] is not None)
    assert running(status) == {"database", "backend", "frontend"}
    tell("backup")
    released = shop.compose_file.read_bytes()

    shop.write_version("2.0")
    shop.up()
    until_status(ask, lambda s: s["deployment"] is not None)
    tell("rollback", "--yes")

    # verify asked the checks itself: the rounds of the poller follow within their interval
    status = until_status(ask, lambda s: s["armed"])
    assert status["last_rollback"]["outcome"] == "succeeded"
    assert shop.compose_file.read_bytes() == released
