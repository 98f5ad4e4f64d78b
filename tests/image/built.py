"""The daemon's image, built as the repository says; also gives the host image its Docker client."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LABEL = "ops-watchdog.test=true"
TAG = "ops-watchdog-test/daemon:latest"


@cache
def daemon_image() -> str:
    """Builds it from the sources as they are; unchanged layers are kept (1.5 s where nothing has changed)."""
    command([str(ROOT / "scripts/image/build"), TAG, "--label", LABEL])
    return TAG


def docker(*arguments: str, timeout: float = 60) -> str:
    return command(["docker", *arguments], timeout)


def command(argv: list[str], timeout: float = 300) -> str:
    """What it printed; its error output is part of the failure."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=timeout)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stderr}"
    return done.stdout.rstrip("\n")
