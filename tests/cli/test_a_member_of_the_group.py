"""Whoever may use the socket need not be able to read what root configured."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import watchdog.settings.load  # noqa: F401  imported before root is given up: the interpreter may be root's
from watchdog.cli.context import SOCKET_VARIABLE, Context
from watchdog.errors import ConfigError

NOBODY = 65534


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that anybody may enter, with a configuration that only root may read."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        (place / "config.yaml").write_text("stacks: {}\n")
        (place / "config.yaml").chmod(0o000)
        monkeypatch.setenv(SOCKET_VARIABLE, str(place / "control.sock"))
        yield place


@contextmanager
def nobody() -> Iterator[None]:
    """Root may read everything, so root becomes somebody else; another user cannot read mode 000 anyway."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(was)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = json.loads(await reader.readline())
    writer.write(json.dumps({"result": request}).encode() + b"\n")
    writer.close()


async def test_the_daemon_is_asked_although_the_configuration_cannot_be_read(place: Path) -> None:
    server = await asyncio.start_unix_server(_answer, place / "control.sock")
    (place / "control.sock").chmod(0o666)
    with nobody():
        context = Context(place / "config.yaml")
        assert context.names() == [None]
        async with context.converse({"command": "status", "stack": None}) as conversation:
            message = await conversation.receive()
    server.close()
    assert message == {"result": {"command": "status", "stack": None}}
    assert not context.alone


async def test_without_a_daemon_the_configuration_is_what_is_missing(place: Path) -> None:
    with nobody(), pytest.raises(ConfigError):
        async with Context(place / "config.yaml").converse({"command": "status", "stack": None}):
            pass
