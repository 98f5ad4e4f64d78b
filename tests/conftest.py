"""The real engine for every test marked `engine`: found once a session, never skipped silently."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = ("DOCKER_HOST", "DOCKER_CONFIG", "PATH")


@pytest.fixture(scope="session")
def engine_environment() -> dict[str, str]:
    """DOCKER_HOST, DOCKER_CONFIG and PATH of the engine, also put into `os.environ`; fails without one."""
    script = f'eval "$({ROOT}/scripts/engine/env)" && env'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    pairs = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    if not pairs.keys() >= set(NAMES):
        pytest.fail(f"no engine to test with, run `make engine`: {done.stderr}")
    chosen = {name: pairs[name] for name in NAMES}
    os.environ.update(chosen)
    return chosen
