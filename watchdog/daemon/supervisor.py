"""The daemon's life: posts for every stack, sources that report to them, reload, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import structlog

from watchdog.alert.alert import Level
from watchdog.alert.outbox import Outbox
from watchdog.daemon.control import ControlServer
from watchdog.daemon.guard import Guard
from watchdog.daemon.messages import Hint
from watchdog.daemon.metering import read
from watchdog.daemon.post import Post
from watchdog.daemon.schedule import Schedule
from watchdog.daemon.tools import Tools, Workshop
from watchdog.errors import Refused, WatchdogError
from watchdog.rollback.readings import Reading
from watchdog.settings.load import Configuration

log = structlog.get_logger(__name__)

END_WITHIN = timedelta(seconds=20)
"""Far below systemd's TimeoutStopSec: what does not end by then is left to the journal."""
DEFAULT_ALIVE = timedelta(seconds=10)


class ServiceManager(Protocol):
    """systemd, or nobody."""

    @property
    def watchdog_seconds(self) -> float | None: ...

    def ready(self, status: str) -> None: ...

    def reloading(self) -> None: ...

    def stopping(self) -> None: ...

    def alive(self) -> None: ...


class Supervisor:
    """Runs until SIGTERM or SIGINT. `read` reads the configuration again, for SIGHUP."""

    def __init__(
        self,
        configuration: Configuration,
        workshop: Workshop,
        read: Callable[[], Configuration],
        manager: ServiceManager,
    ) -> None:
        self._configuration = configuration
        self._workshop = workshop
        self._read = read
        self._manager = manager
        self._posts: dict[str, Post] = {}
        self._guards: dict[str, Guard] = {}
        self._control = ControlServer(configuration.settings.socket, self._guards)
        self._schedule = Schedule(self._guards)
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()

    @property
    def outbox(self) -> Outbox:
        return self._workshop.outbox

    async def readings(self) -> tuple[Reading, ...]:
        """What metrics show now."""
        return await read(self._guards.values())

    async def run(self) -> None:
        """Start everything, say READY, and wait for the end. Raises `Refused` where it cannot start."""
        await self._control.start()
        for settings in self._configuration.stacks:
            self._add(self._workshop.tools(settings))
        self._schedule.start()
        self._handle_signals()
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("events", self._listen()),
                ("outbox", self.outbox.run()),
                ("reload", self._reload_when_asked()),
                ("alive", self._say_alive()),
            )
        ]
        self._manager.ready(f"guarding {', '.join(self._guards)}")
        self._log_warnings()
        log.info("started", stacks=list(self._guards))
        try:
            await self._until_stopped(tasks)
        finally:
            await self._end(tasks)

    async def _until_stopped(self, tasks: list[asyncio.Task[None]]) -> None:
        """A task of ours that ends by itself is a fault: end the daemon, so that systemd starts it afresh."""
        stop = asyncio.create_task(self._stop.wait())
        done, _ = await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stop}:
            task.result()
        stop.cancel()

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        self._manager.stopping()
        await self._control.stop()
        await self._schedule.stop()
        for post in self._posts.values():
            await post.stop()
        for task in tasks:
            task.cancel()
        _, left = await asyncio.wait(tasks, timeout=END_WITHIN.total_seconds())
        log.info("stopped", unfinished=[task.get_name() for task in left])

    def _add(self, tools: Tools) -> None:
        post = Post(tools)
        self._posts[post.guard.name] = post
        self._guards[post.guard.name] = post.guard
        post.start()

    async def _listen(self) -> None:
        """Every hint goes to the guard of its project; a new connection means that all have to look."""
        async for event in self._workshop.events().stream():
            for guard in self._guards.values():
                if event.project in ("", guard.tools.settings.stack.project):
                    guard.desk.post(Hint(event))

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)

    async def _reload_when_asked(self) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            self._manager.reloading()
            await self.reload()
            self._manager.ready(f"guarding {', '.join(self._guards)}")

    async def reload(self) -> None:
        """Swap the whole configuration, or keep the old one and alert. What may fail comes first."""
        try:
            configuration = self._read()
            self._require_idle(set(self._posts) - {settings.stack.name for settings in configuration.stacks})
            made = [self._workshop.tools(settings) for settings in configuration.stacks]
            self._workshop.use(configuration)
        except WatchdogError as error:
            await self._alert_kept(str(error))
            return
        self._configuration = configuration
        await self._swap(made)
        self._schedule.renew()
        self._log_warnings()
        log.info("configuration_reloaded", stacks=list(self._guards))

    def _require_idle(self, gone: set[str]) -> None:
        if busy := sorted(name for name in gone if self._guards[name].desk.work.busy):
            names = ", ".join(busy)
            raise Refused(f"it drops {names}, where an operation runs; reload once it has ended")

    async def _swap(self, made: list[Tools]) -> None:
        wanted = {tools.settings.stack.name: tools for tools in made}
        for name in [name for name in self._posts if name not in wanted]:
            self._guards.pop(name)
            await self._posts.pop(name).stop()
        for name, tools in wanted.items():
            if name in self._posts:
                await self._hand_over(self._posts[name], tools)
            else:
                self._add(tools)

    async def _hand_over(self, post: Post, tools: Tools) -> None:
        """Where the guard cannot take them (its state is unusable now), another one takes its place."""
        try:
            await post.reconfigure(tools)
        except WatchdogError as error:
            if post.guard.desk.work.busy:  # it has what it needs to end what it does
                await self._alert_kept(f"{post.guard.name} has not taken it over: {error}; reload again")
                return
            log.warning("guard_replaced", stack=post.guard.name, reason=str(error))
            await post.stop()
            self._add(tools)

    def _log_warnings(self) -> None:
        for warning in self._configuration.warnings:
            log.warning("configuration_warning", text=warning)

    async def _alert_kept(self, reason: str) -> None:
        """Once, in the name of any stack. A state that cannot be written to now ends nothing."""
        log.error("configuration_kept", reason=reason)
        title = "new configuration refused; the old one stays in force"
        for guard in list(self._guards.values())[:1]:
            with contextlib.suppress(WatchdogError):
                await guard.desk.alert(Level.WARNING, title, reason)

    async def _say_alive(self) -> None:
        """Tell systemd's watchdog that we live, but only while every guard and poller makes progress."""
        wanted = self._manager.watchdog_seconds
        pause = timedelta(seconds=wanted / 3) if wanted else DEFAULT_ALIVE
        while True:
            if stuck := self._stuck():
                log.error("stuck", task=stuck)
            else:
                self._manager.alive()
            await asyncio.sleep(pause.total_seconds())

    def _stuck(self) -> str | None:
        return next((what for post in self._posts.values() if (what := post.stuck())), None)
