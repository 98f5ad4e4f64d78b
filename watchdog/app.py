"""The composition root: the only place that knows which adapter fulfils which port.

Daemon and command line build the same objects here, so that both run the same functions.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from watchdog.adapters import logs
from watchdog.adapters.clusters import StackClusters
from watchdog.adapters.compose import Compose, minimal_environment
from watchdog.adapters.docker_engine import DockerEngine
from watchdog.adapters.docker_events import DockerEvents
from watchdog.adapters.file_lock import FileLock
from watchdog.adapters.probes import Probes
from watchdog.adapters.scope import Scopes
from watchdog.adapters.sqlite_ledger import SqliteLedger
from watchdog.adapters.systemd import Notifier
from watchdog.adapters.terminal_command import TerminalCommand
from watchdog.adapters.webhook import Webhook
from watchdog.alert.outbox import Outbox
from watchdog.backup.backup import Backup
from watchdog.backup.writer import take
from watchdog.clock import SystemClock
from watchdog.daemon.tools import Tools
from watchdog.errors import ConfigError
from watchdog.rollback.making import Standbys
from watchdog.rollback.readings import Read
from watchdog.rollback.run import Hands
from watchdog.settings.build import StackSettings
from watchdog.settings.load import Configuration
from watchdog.stack import Container, Release

LEDGER = "ledger.db"


class Application:
    """Fulfils `daemon.tools.Workshop`. Enter it as an async context, so that everything is closed."""

    def __init__(self, configuration: Configuration) -> None:
        settings = configuration.settings
        self._configuration = configuration
        self._docker_host = settings.docker.host
        self._clock = SystemClock()
        self._standbys: dict[str, Standbys] = {}
        self._engine = DockerEngine(self._docker_host)
        self._incidents = settings.state_dir / "incidents"
        self._ledger = SqliteLedger(settings.state_dir / LEDGER)
        self._lock = FileLock(settings.state_dir / "locks", self._clock)
        self._compose = Compose(minimal_environment(self._docker_host))
        self._outbox = Outbox(self._ledger, _messenger(configuration), self._clock)

    async def __aenter__(self) -> Application:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._engine.close()
        await self._ledger.close()

    @property
    def outbox(self) -> Outbox:
        return self._outbox

    def configure_logging(self) -> None:
        """To stderr or the journal, as configured: the daemon's way."""
        log = self._configuration.settings.log
        logs.configure(log.level, log.format)

    def log_for_a_command(self) -> None:
        """To the journal, where there is one: the terminal is for sentences."""
        logs.configure_for_command()

    def use(self, configuration: Configuration) -> None:
        """After a reload. `state_dir`, `socket`, `docker` and `metrics` stay as they were until a restart."""
        messenger = _messenger(configuration)
        self._configuration = configuration
        self._outbox.use(messenger)
        self.configure_logging()

    def events(self) -> DockerEvents:
        return DockerEvents(self._docker_host, self._projects)

    def _projects(self) -> frozenset[str]:
        return frozenset(settings.stack.project for settings in self._configuration.stacks)

    def metrics(self, read: Read) -> contextlib.AbstractAsyncContextManager[Any]:
        """Served while it is entered, where they are configured."""
        section = self._configuration.settings.metrics
        if section is None:
            return contextlib.nullcontext()
        from watchdog.adapters.metrics import Metrics

        return Metrics(*section.address, read)

    def service_manager(self) -> Notifier:
        return Notifier()

    def tools(self, settings: StackSettings) -> Tools:
        stack = settings.stack
        clusters = StackClusters(self._engine, stack.project, self._docker_host)
        hands = Hands(
            stack=stack,
            checks=settings.checks,
            engine=self._engine,
            orchestrator=self._compose,
            prober=Probes(self._engine, stack.project, clusters.first_row, self._clock),
            clusters=clusters,
            commands=Scopes(),
            lock=self._lock,
            clock=self._clock,
            incident_directory=self._incidents,
            verify_timeout=settings.deployment.healthy_deadline,
            standbys=self._standbys.setdefault(stack.name, Standbys()),
        )
        make = functools.partial(self._make_backup, settings, clusters)
        return Tools(settings, hands, self._ledger, self._outbox, make, clusters)

    async def _make_backup(
        self,
        settings: StackSettings,
        clusters: StackClusters,
        release: Release | None,
        containers: Sequence[Container],
        reason: str,
        progress: Callable[[str], None],
    ) -> Backup:
        dumpers = {d.name: await clusters.of(d, "backup") for d in settings.stack.databases}
        return await take(
            settings.stack,
            release,
            containers,
            dumpers,
            settings.backup.directory,
            clock=self._clock,
            reason=reason,
            disk_reserve=settings.backup.disk_reserve,
            hashes=settings.backup.hashes,
            progress=progress,
        )


def _messenger(configuration: Configuration) -> Webhook | None:
    """Raises `ConfigError` where the file with its address cannot be read any more."""
    if (slack := configuration.settings.slack) is None:
        return None
    try:
        return Webhook(slack.webhook().get_secret_value())
    except ValueError as error:
        raise ConfigError(f"slack: {error}") from error


def terminal_command(argv: Sequence[str]) -> TerminalCommand:
    """A deployment's command, to be run in the caller's terminal."""
    return TerminalCommand(argv)
