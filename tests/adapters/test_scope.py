"""What a deployment's command started is found by the deployment's name alone, and ended.

Without systemd here; `tests/host/test_scope.py` has it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from watchdog.adapters.scope import MARK, Scopes, enclosed, processes, scoped, unit, zombie

DEPLOYMENT = "20261122_120000-shop"


@pytest.fixture
async def orphan(tmp_path: Path) -> AsyncIterator[int]:
    """It has left its session, and its parent is gone."""
    os.mkfifo(fifo := tmp_path / "fifo")
    script = """setsid sh -c 'echo $$ > "$1"; exec sleep 600' sh "$1" & exit 0"""
    leader = await asyncio.create_subprocess_exec(
        "sh", "-c", script, "sh", fifo, env={**os.environ, MARK: DEPLOYMENT}
    )
    pid = int(await asyncio.to_thread(fifo.read_text))
    await leader.wait()
    yield pid
    if not zombie(pid):
        os.kill(pid, 9)


async def test_what_has_left_its_session_and_lost_its_parent_is_ended(orphan: int) -> None:
    assert processes(DEPLOYMENT) == [orphan]
    await Scopes().end(DEPLOYMENT)
    assert zombie(orphan)


async def test_another_deployments_processes_are_left_alone(orphan: int) -> None:
    await Scopes().end("20261122_120001-shop")
    await Scopes().end("20261122_120000-sho")
    assert not zombie(orphan)


async def test_what_is_started_while_it_ends_ends_too(tmp_path: Path) -> None:
    """Each trap on TERM leaves a successor behind, five times over."""
    os.mkfifo(fifo := tmp_path / "fifo")
    script = """
import os, signal, sys
def again(*_):
    if sys.argv[2] != "0":
        os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, __file__, "", str(int(sys.argv[2]) - 1)])
    os._exit(0)
signal.signal(signal.SIGTERM, again)
if sys.argv[1]:
    open(sys.argv[1], "w").close()
while True:
    signal.pause()
"""
    (file := tmp_path / "again.py").write_text(script)
    leader = await asyncio.create_subprocess_exec(
        sys.executable, file, fifo, "5", env={**os.environ, MARK: DEPLOYMENT}
    )
    await asyncio.to_thread(fifo.read_text)
    await Scopes().end(DEPLOYMENT)
    await leader.wait()
    assert processes(DEPLOYMENT) == []


def test_the_command_is_started_within_a_unit_named_after_its_deployment() -> None:
    name = unit(DEPLOYMENT)
    assert name == "ops-watchdog-deploy-20261122_120000-shop.scope"
    command = ("docker", "compose", "up", "--quiet")
    assert scoped(name, command) == (
        *("systemd-run", "--scope", "--quiet", "--collect", f"--unit={name}"),
        *("--", "docker", "compose", "up", "--quiet"),
    )


async def test_without_systemd_the_command_is_run_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watchdog.adapters.scope.BOOTED", tmp_path / "no systemd")
    assert await enclosed(DEPLOYMENT, ["true"]) == ("true",)
