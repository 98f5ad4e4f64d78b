"""The control socket: who asks, what may be asked, and clients that misbehave."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.house import LIMIT, LOOK, House
from watchdog.daemon.control import ControlServer
from watchdog.daemon.guard import Guard
from watchdog.errors import Refused

UID = os.getuid()


class Client:
    """One connection, as the command line makes it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, line: str | dict[str, Any]) -> None:
        text = line if isinstance(line, str) else json.dumps(line)
        self._writer.write(text.encode() + b"\n")

    async def until(self, key: str) -> Any:
        """The value of the first message that has the key."""
        async with asyncio.timeout(LIMIT):
            while line := await self._reader.readline():
                if key in (message := json.loads(line)):
                    return message[key]
        raise AssertionError(f"the daemon hung up without {key}")

    def leave(self) -> None:
        self._writer.close()


class Counter:
    """A server on a socket of its own; `client` opens a connection."""

    def __init__(self, path: Path, guards: dict[str, Guard]) -> None:
        self.path = path
        self.guards = guards
        self.server = ControlServer(path, guards)

    async def client(self, request: str | dict[str, Any] | None = None) -> Client:
        client = Client(*await asyncio.open_unix_connection(self.path))
        if request is not None:
            client.send(request)
        return client

    async def ask(self, request: str | dict[str, Any]) -> Any:
        return await (await self.client(request)).until("result")

    async def error(self, request: str | dict[str, Any]) -> tuple[str, str]:
        found = await (await self.client(request)).until("error")
        return found["kind"], found["message"]


@pytest.fixture
async def counter(house: House, tmp_path: Path) -> AsyncIterator[Counter]:
    guard = await house.adopted()
    counter = Counter(tmp_path / "run" / "control.sock", {"shop": guard})
    await counter.server.start()
    yield counter
    await counter.server.stop()


async def test_the_caller_is_who_the_kernel_says(counter: Counter) -> None:
    assert await counter.ask({"command": "ping"}) == {"caller": f"user {getpass.getuser()} (uid {UID})"}


async def test_only_owner_and_group_may_talk(counter: Counter) -> None:
    assert counter.path.stat().st_mode & 0o777 == 0o660


async def test_the_stack_may_be_left_out_where_there_is_one(counter: Counter) -> None:
    assert (await counter.ask({"command": "status"}))["stack"] == "shop"
    assert (await counter.ask({"command": "status", "stack": "shop"}))["stack"] == "shop"


@pytest.mark.parametrize(
    ("request_", "kind", "message"),
    [
        ("{garbage", "UsageError", "takes one JSON object a line"),
        ('["a list"]', "UsageError", "takes one JSON object a line"),
        ({"command": "destroy"}, "UsageError", "unknown command 'destroy'; this daemon knows abort, "),
        ({}, "UsageError", "unknown command ''"),
        ({"command": "status", "stack": "blog"}, "UsageError", "there is no stack 'blog'; the configuration"),
        ({"command": "deploy"}, "UsageError", "deploy needs a command"),
        ({"command": "deploy", "argv": 5}, "WatchdogError", "internal error; see the journal"),
        ({"command": "rollback", "backup_timestamp": "20010101_000000"}, "UsageError", "there is no backup"),
        ({"command": "rollback"}, "Refused", "no backup holds another release"),
    ],
)
async def test_what_cannot_be_done_is_answered_with_a_sentence(
    counter: Counter, request_: str | dict[str, Any], kind: str, message: str
) -> None:
    found = await counter.error(request_)
    assert found[0] == kind
    assert message in found[1]
    assert await counter.ask({"command": "ping"})


async def test_a_busy_stack_names_what_it_does(house: House, counter: Counter) -> None:
    first = await counter.client({"command": "deploy", "argv": ["deploy.sh", "2"]})
    await first.until("run")
    kind, message = await counter.error({"command": "backup"})
    assert kind == "Busy"
    assert message.startswith("shop is busy: 'deploy deploy.sh 2'")


async def test_an_operation_is_told_as_it_goes_and_audited(house: House, counter: Counter) -> None:
    client = await counter.client({"command": "backup"})
    progress = await client.until("progress")
    while progress["event"] != "backup_written":  # what else the guard tells meanwhile
        progress = await client.until("progress")
    assert progress["stack"] == "shop"
    assert (await client.until("result"))["timestamp"]
    audit = (await house.ledger.audits("shop"))[0]
    assert (audit.actor, audit.action) == (f"user {getpass.getuser()} (uid {UID})", "backup")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"ended": 3}, "the deployment command exited with code 3"),
        ({"failed": "deploy.sh cannot be run"}, "deploy.sh cannot be run"),
        ({"ended": "three"}, "the deployment command could not be run"),
        ("{garbage", "the control socket takes one JSON object a line"),
        (None, "the terminal that ran the deployment command is gone"),
    ],
)
async def test_whatever_becomes_of_the_command_its_deployment_ends(
    house: House, counter: Counter, answer: str | dict[str, Any] | None, reason: str
) -> None:
    client = await counter.client({"command": "deploy", "argv": ["deploy.sh"]})
    await client.until("run")
    await house.deploy("2")
    if answer is None:
        client.leave()
    else:
        client.send(answer)
    assert (await house.heard("rollback_ended"))["outcome"] == "succeeded"
    assert (await house.ledger.operations("shop"))[0].reasons[0] == reason


async def test_a_command_that_took_too_long_is_waited_for(house: House, counter: Counter) -> None:
    """The end of our patience is not yet the end of the command."""
    guard = counter.guards["shop"]
    house.deployment = replace(house.deployment, command_timeout=timedelta(milliseconds=20))
    await guard.desk.ask(lambda: guard.reconfigure(house.tools()))
    client = await counter.client({"command": "deploy", "argv": ["deploy.sh"]})
    await client.until("run")
    await house.deploy("2")
    assert await client.until("end")
    await house.handled(guard, LOOK)
    assert not house.told("command_ended")
    client.send({"ended": 143})
    assert await house.heard("rollback_ended")


async def test_a_command_that_is_to_end_is_waited_for(house: House, counter: Counter) -> None:
    """Nothing is rolled back while it may still deploy."""
    client = await counter.client({"command": "deploy", "argv": ["deploy.sh"]})
    await client.until("run")
    await house.deploy("2")
    container = next(c for c in await house.containers() if c.service == "backend")
    house.engine.change(container.id, state="exited", exit_code=127)
    guard = counter.guards["shop"]
    await house.handled(guard, LOOK)
    assert await client.until("end")
    await house.handled(guard, LOOK)
    assert not house.told("rollback_decided")
    client.send({"ended": 143})
    assert await house.heard("rollback_ended")


async def test_a_second_daemon_does_not_take_the_socket(counter: Counter) -> None:
    with pytest.raises(Refused, match="another ops-watchdog daemon answers"):
        await ControlServer(counter.path, {}).start()
    assert await counter.ask({"command": "ping"})


async def test_a_socket_that_a_dead_daemon_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.touch()
    server = ControlServer(path, {})
    await server.start()
    await server.stop()
    assert not path.exists()
