"""The disk of the backups is full: a deployment is refused before anything was touched, and says where."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.shop import Shop

from tests.end_to_end import engine
from tests.end_to_end.guarded import guarding
from tests.end_to_end.sections import shop_section

pytestmark = pytest.mark.engine

SIZE_BYTES = 64 * 1024


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, mounted as root may."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "ows-tests", str(place)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize(
    ("reserve", "ballast_bytes"),
    [
        pytest.param("16MiB", 0, id="below the reserve"),
        pytest.param("1B", SIZE_BYTES - 4096, id="full while the dump is written"),
    ],
)
def test_a_deployment_is_refused_that_could_not_be_undone(
    shop: Shop, tiny_disk: Path, tmp_path: Path, reserve: str, ballast_bytes: int
) -> None:
    ballast = tiny_disk / "somebody-elses"
    ballast.write_bytes(bytes(ballast_bytes))
    touched = tmp_path / "touched"
    backup = {"directory": str(tiny_disk), "daily": "off", "disk_reserve": reserve}
    with guarding(tmp_path, {"shop": shop_section(shop, tiny_disk, backup=backup)}) as guarded:
        guarded.watch()
        before = engine.containers(shop.project)
        done = guarded.run("deploy", "--", "touch", str(touched))
        assert done.exit_code in {1, 3}, done
        assert str(tiny_disk) in done.stderr
        assert not touched.exists()
        assert engine.containers(shop.project) == before
        assert [path for path in tiny_disk.iterdir() if path != ballast] == [], "no part of a backup is left"
        assert guarded.status()["deployment"] is None
