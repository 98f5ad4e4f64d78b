"""A dump that is gathered into large blocks stays whole, and fails where anything on its way fails."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from tests.backup.sets import CONTAINERS
from watchdog.adapters.postgres_container import InContainer
from watchdog.adapters.postgres_tools import in_blocks
from watchdog.adapters.process import run

TEN_SECONDS = timedelta(seconds=10)


async def version() -> int:
    raise AssertionError("the container's tools always match")


async def test_a_containers_dump_is_gathered_and_small_output_is_not() -> None:
    site = InContainer(CONTAINERS[0])
    for tool, gathered in ((["pg_dump", "x y"], True), (["psql", "x y"], False)):
        argv, _ = await site.command(tool, application_name="a", with_input=False, version=version)
        assert argv[-2:] == tool
        assert ("dd ibs=64k obs=256k" in " ".join(argv)) is gathered


async def test_passes_on_every_byte_in_order() -> None:
    script = 'i=0; while [ $i -lt 2000 ]; do printf "%s:%1000s\\n" $i "$1"; i=$((i+1)); done'
    finished = await run(in_blocks(["sh", "-c", script, "sh", "it's $HOME"]), timeout=TEN_SECONDS)
    assert finished.exit_code == 0
    assert finished.stdout == "".join(f"{i}:{'it' + chr(39) + 's $HOME':>1000}\n" for i in range(2000))


@pytest.mark.parametrize("script", ["echo part; exit 3", "echo part; kill -9 $$", "exec no-such-program"])
async def test_fails_where_the_tool_fails_with_the_tools_words(script: str) -> None:
    finished = await run(in_blocks(["sh", "-c", f"echo pg_dump: error >&2; {script}"]), timeout=TEN_SECONDS)
    assert finished.exit_code != 0
    assert "pg_dump: error" in finished.stderr


async def test_fails_where_dd_fails_though_the_tool_did_not(tmp_path: Path) -> None:
    dd = tmp_path / "dd"
    dd.write_text("#!/bin/sh\ncat >/dev/null\nexit 1\n")
    dd.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    finished = await run(in_blocks(["echo", "whole"]), timeout=TEN_SECONDS, env={"PATH": path})
    assert finished.exit_code != 0
