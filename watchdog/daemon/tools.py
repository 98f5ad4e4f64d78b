"""What a guard works with, for one stack: built in `app`, the same for the daemon and for a lone command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from watchdog.alert.outbox import Outbox
from watchdog.backup.backup import Backup
from watchdog.rollback.aftermath import Servers
from watchdog.rollback.ledger import Audit, Ledger
from watchdog.rollback.run import Hands
from watchdog.settings.build import StackSettings
from watchdog.settings.load import Configuration
from watchdog.stack import Container, Events, Release

MakeBackup = Callable[[Release | None, Sequence[Container], str, Callable[[str], None]], Awaitable[Backup]]
"""(release, containers, why, progress) to the finished backup."""


@dataclass(frozen=True, slots=True)
class Tools:
    """`make_backup` writes a backup of the stack; `servers` finds what serves its databases."""

    settings: StackSettings
    hands: Hands
    ledger: Ledger
    outbox: Outbox
    make_backup: MakeBackup
    servers: Servers

    async def audit(self, actor: object, action: str, detail: str = "") -> None:
        """Write down who wanted what."""
        now = self.hands.clock.now()
        await self.ledger.write(Audit(self.settings.stack.name, now, str(actor), action, detail))


class Command(Protocol):
    """The command of an announced deployment, running in its caller's terminal."""

    argv: tuple[str, ...]

    async def run(self, deployment: str) -> int:
        """Its exit code. Raises `WatchdogError` where it cannot start or its caller is gone.

        `deployment`: the name by which what it leaves behind is found (`rollback.run.Commands`).
        """
        ...

    async def end(self) -> None:
        """End it and everything it started; returns when nothing is left."""
        ...


class Workshop(Protocol):
    """Makes tools for the stacks of a configuration; `app` is the only one that knows how."""

    @property
    def outbox(self) -> Outbox: ...

    def tools(self, settings: StackSettings) -> Tools: ...

    def events(self) -> Events:
        """Hints about every project of this host."""
        ...

    def use(self, configuration: Configuration) -> None:
        """Be guided by another configuration from now on. Raises `ConfigError`, and nothing has changed."""
        ...
