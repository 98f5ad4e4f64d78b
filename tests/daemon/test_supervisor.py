"""The daemon's life: posts for every stack, hints for their guards, reload, and systemd's watchdog."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.daemon.house import LIMIT, FullDisk, House
from tests.fakes import FakeEvents, settle
from tests.health.samples import check
from watchdog.alert.outbox import Outbox
from watchdog.daemon.post import STALLED, Post
from watchdog.daemon.supervisor import Supervisor
from watchdog.daemon.tools import Tools
from watchdog.errors import ConfigError
from watchdog.settings.build import StackSettings
from watchdog.settings.load import Configuration, load
from watchdog.stack import Event


class FakeWorkshop:
    """Fulfils `daemon.tools.Workshop` with the house's own tools."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.hints = FakeEvents()
        self.used: list[Configuration] = []
        self.refusal = ""

    @property
    def outbox(self) -> Outbox:
        return self._house.outbox

    def tools(self, settings: StackSettings) -> Tools:
        return replace(self._house.tools(), settings=settings)

    def events(self) -> FakeEvents:
        return self.hints

    def use(self, configuration: Configuration) -> None:
        if self.refusal:
            raise ConfigError(self.refusal)
        self.used.append(configuration)


class FakeManager:
    """A service manager that remembers what it was told."""

    watchdog_seconds: float | None = 0.003

    def __init__(self) -> None:
        self.told: list[str] = []
        self.fed = asyncio.Event()

    def ready(self, status: str) -> None:
        self.told.append(f"ready: {status}")

    def reloading(self) -> None:
        self.told.append("reloading")

    def stopping(self) -> None:
        self.told.append("stopping")

    def alive(self) -> None:
        self.fed.set()


class Daemon:
    """A supervisor over the house; `configuration` is what it reads next."""

    def __init__(self, house: House) -> None:
        path = house.root / "config.yaml"
        house.edit("1")
        stacks = f"stacks: {{shop: {{compose: {house.compose}}}}}"
        path.write_text(f"socket: {house.root}/control.sock\n{stacks}\n")
        self.first = replace(load(path, {}), stacks=(house.tools().settings,))
        self.configuration: Configuration | ConfigError = self.first
        self.workshop, self.manager = FakeWorkshop(house), FakeManager()
        self.supervisor = Supervisor(self.first, self.workshop, self._read, self.manager)

    def _read(self) -> Configuration:
        if isinstance(self.configuration, ConfigError):
            raise self.configuration
        return self.configuration

    def post(self, name: str) -> Post:
        return self.supervisor._posts[name]

    async def fed(self) -> None:
        self.manager.fed.clear()
        async with asyncio.timeout(LIMIT):
            await self.manager.fed.wait()


@contextlib.asynccontextmanager
async def running(house: House) -> AsyncIterator[Daemon]:
    daemon = Daemon(house)
    await house.up()
    task = asyncio.create_task(daemon.supervisor.run())
    await daemon.fed()
    yield daemon
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def daemon(house: House) -> AsyncIterator[Daemon]:
    async with running(house) as daemon:
        yield daemon


async def test_it_is_ready_once_every_stack_has_its_guard(daemon: Daemon) -> None:
    assert daemon.manager.told == ["ready: guarding shop"]
    assert list(daemon.supervisor._guards) == ["shop"]


@pytest.mark.parametrize(("project", "looks"), [("shop", True), ("", True), ("blog", False)])
async def test_a_hint_goes_to_the_guard_of_its_project(
    house: House, daemon: Daemon, project: str, looks: bool
) -> None:
    guard = daemon.post("shop").guard
    await house.handled(guard)
    looked = guard.watch.looked_at
    house.clock.tick(timedelta(seconds=1))
    daemon.workshop.hints.feed(Event("start", project=project))
    await settle()
    await house.handled(guard)
    assert (guard.watch.looked_at != looked) is looks


async def test_a_configuration_with_a_fault_changes_nothing_and_is_alerted(
    house: House, daemon: Daemon
) -> None:
    daemon.configuration = ConfigError("config.yaml:3:5 stacks.shop: unknown key")
    before = daemon.post("shop").guard.tools
    await daemon.supervisor.reload()
    assert daemon.post("shop").guard.tools is before
    assert daemon.workshop.used == []
    alerts = [a for a in await house.alerts() if a.title.startswith("new configuration refused")]
    assert len(alerts) == 1
    assert "unknown key" in alerts[0].text


async def test_one_that_cannot_be_used_after_all_changes_nothing_either(house: House, daemon: Daemon) -> None:
    """A secret's file, say, that went between reading and using."""
    shop = replace(house.tools().settings, checks=(check("other"),))
    blog = replace(shop, stack=replace(shop.stack, name="blog", project="blog"))
    daemon.configuration = replace(daemon.first, stacks=(blog,))
    daemon.workshop.refusal = "slack: its file is gone"
    await daemon.supervisor.reload()
    assert list(daemon.supervisor._guards) == ["shop"]
    assert list(daemon.post("shop").guard.watch.checks) == ["api"]
    told = [a.text for a in await house.alerts() if a.title.startswith("new configuration refused")]
    assert told == ["slack: its file is gone"]


async def test_a_guard_whose_state_is_unusable_does_not_keep_the_old_one(house: House) -> None:
    """Nor does the daemon end, which would help nobody."""
    house.ledger = ledger = FullDisk(house.root / "state.db")
    ledger.unreadable = True
    async with running(house) as daemon:
        shop = replace(house.tools().settings, checks=(check("other"),))
        daemon.configuration = replace(daemon.first, stacks=(shop,))
        reloading = asyncio.create_task(daemon.supervisor.reload())
        await settle()
        await house.clock.advance(timedelta(seconds=2))
        async with asyncio.timeout(LIMIT):
            await reloading
        ledger.unreadable = False
        await house.clock.advance(timedelta(seconds=2))
        assert list(daemon.post("shop").guard.watch.checks) == ["other"]
        assert daemon.post("shop").stuck() is None


async def test_a_state_that_is_unusable_for_long_is_logged_now_and_then(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.ledger = ledger = FullDisk(house.root / "state.db")
    ledger.unreadable = True
    async with running(house):
        for _ in range(30):
            await house.clock.advance(timedelta(seconds=1))
    assert capsys.readouterr().out.count("database is locked") == 1


async def test_a_valid_one_is_swapped_whole(house: House, daemon: Daemon) -> None:
    shop = replace(house.tools().settings, checks=(check("other"),))
    blog = replace(shop, stack=replace(shop.stack, name="blog", project="blog"))
    guard = daemon.post("shop").guard
    daemon.configuration = replace(daemon.first, stacks=(shop, blog))
    await daemon.supervisor.reload()
    assert list(daemon.supervisor._guards) == ["shop", "blog"]
    assert daemon.post("shop").guard is guard
    assert list(guard.watch.checks) == ["other"]
    daemon.configuration = replace(daemon.first, stacks=(blog,))
    await daemon.supervisor.reload()
    assert list(daemon.supervisor._guards) == ["blog"]


async def test_an_operation_under_way_keeps_the_hands_it_began_with(house: House, daemon: Daemon) -> None:
    guard = daemon.post("shop").guard
    work = asyncio.create_task(guard.desk.work.run("rollback", house.at_work()))
    await settle()
    shop = replace(house.tools().settings, checks=())
    daemon.configuration = replace(daemon.first, stacks=(shop,))
    await daemon.supervisor.reload()
    assert guard.desk.work.busy
    house.work_done.set()
    await work


async def test_a_guard_that_is_stuck_lets_the_watchdog_bite(house: House, daemon: Daemon) -> None:
    post = daemon.post("shop")
    never = asyncio.Event()
    stuck = asyncio.create_task(post.guard.desk.ask(never.wait))
    await settle()
    assert post.stuck() is None
    house.clock.tick(STALLED + timedelta(seconds=1))
    assert post.stuck() == "guard shop"
    never.set()
    await stuck
    await house.handled(post.guard)
    assert post.stuck() != "guard shop"


async def test_a_guard_that_has_ended_is_stuck(daemon: Daemon) -> None:
    post = daemon.post("shop")
    await post.stop()
    assert post.stuck() == "guard shop"


async def test_a_check_whose_round_is_stuck_lets_the_watchdog_bite(house: House, daemon: Daemon) -> None:
    house.clock.tick(timedelta(seconds=100))
    await house.handled(daemon.post("shop").guard)
    assert daemon.post("shop").stuck() == "check api"


async def test_the_watchdog_is_fed_only_while_nothing_is_stuck(house: House, daemon: Daemon) -> None:
    await daemon.fed()
    house.clock.tick(timedelta(seconds=100))
    await settle()
    daemon.manager.fed.clear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await daemon.manager.fed.wait()
