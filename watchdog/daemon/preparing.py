"""Has a standby copy made while a deployment runs, and sees to it that none outlives its use.

Beside the guard's path: neither the deployment nor a verdict waits for it, and a failure of it is told and
alerted, nothing more. What is decided here stands in `rollback.standby_rules`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from typing import Any

import structlog

from watchdog.alert.alert import Level
from watchdog.backup.backup import Backup
from watchdog.backup.marks import mark_damaged
from watchdog.daemon.desk import Desk
from watchdog.database.leftovers import may_go
from watchdog.deploy.deployment import Deployment
from watchdog.errors import Corrupt, WatchdogError
from watchdog.rollback.run import Hands
from watchdog.rollback.standby import copies, drop_unneeded, prepare
from watchdog.rollback.standby_rules import Room, cramped, needed, unwanted
from watchdog.rollback.verification import damaged

log = structlog.get_logger(__name__)

ORDINARILY = "one is made after the backup before an announced deployment"
USELESS = (
    "Backup {backup} was restored to prove it, and is not what was backed up: a rollback of this deployment "
    "cannot bring the database back. Stop the deployment if you still can.\n{error}"
)
SLOWER = "A rollback restores backup {backup} itself, and takes that much longer.\n{error}"


class Preparer:
    """Of one guard. `why_none`: what stands against a copy, or stood last."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._tidying: set[asyncio.Task[None]] = set()
        self.why_none = ORDINARILY

    def start(self, backup: Backup | None, deployment: Deployment) -> None:
        """Returns at once: the deployment's command must not wait."""
        hands = self._desk.tools.hands
        if backup is not None and hands.stack.databases:
            former = hands.standbys.making
            hands.standbys.start(backup.timestamp, self._prepare(hands, backup, deployment, former))

    def tidy(self, gone: str = "") -> None:
        """Drop soon what nobody needs any more, the copy of the backup `gone` in any case."""
        if self._desk.tools.settings.stack.databases:
            task = asyncio.create_task(self._tidy(gone))
            self._tidying.add(task)
            task.add_done_callback(self._tidying.discard)

    async def needed(self) -> frozenset[str]:
        """Backups whose copies must stay, by timestamp; from the ledger, which knows it before the guard."""
        ledger, name = self._desk.tools.ledger, self._desk.name
        now = self._desk.tools.hands.clock.now()
        return needed(await ledger.deployments(name), await ledger.operations(name), now)

    async def unneeded(self) -> bool:
        """Whether a sweep would find anything, asked without the stack's lock."""
        hands = self._desk.tools.hands
        keep = await self.needed()
        found = await copies(hands)
        return any(may_go(beside, keep, hands.standbys.making) for beside in found.values())

    async def standby(self) -> dict[str, Any] | None:
        """For `status`: what stands by, as the servers show it; None for a stack without databases."""
        hands = self._desk.tools.hands
        if not hands.stack.databases:
            return None
        if making := hands.standbys.making:
            return {"state": "being restored", "backup": making, "reason": None}
        try:
            found = await copies(hands)
        except WatchdogError as error:
            return {"state": "unknown", "backup": None, "reason": str(error)}
        whole = [{c.timestamp for c in beside if c.proven and c.fenced} for beside in found.values()]
        if ready := set.intersection(*whole):
            return {"state": "ready", "backup": max(ready), "reason": None}
        return {"state": "none", "backup": None, "reason": self.why_none}

    async def sweep(self) -> None:
        """Under the stack's lock: drop whatever was left over, by whomever."""
        hands = self._desk.tools.hands
        async with hands.standbys.dropping:
            keep = await self.needed()
            self._tell_dropped(await drop_unneeded(hands, keep, hands.standbys.making))

    async def at_rest(self) -> None:
        """For a process that ends in good order: half a copy goes, and what is being dropped is dropped."""
        standbys = self._desk.tools.hands.standbys
        if half := standbys.making:
            await standbys.cut()
            self.tidy(half)
        await self.tidied()

    async def tidied(self) -> None:
        """Wait until what is being dropped is dropped."""
        while self._tidying:
            await asyncio.wait(self._tidying)

    async def stop(self) -> None:
        """Cut it all: the next start drops what is left."""
        await self._desk.tools.hands.standbys.cut()
        for task in (tidying := list(self._tidying)):
            task.cancel()
        await asyncio.gather(*tidying, return_exceptions=True)

    async def _prepare(self, hands: Hands, backup: Backup, deployment: Deployment, former: str) -> None:
        desk, began = self._desk, hands.clock.monotonic()
        try:
            await self._drop(hands, {former} if former else ())
            if why := await self._why_not(hands, backup, deployment):
                self.why_none = why
                desk.tell("standby_not_made", backup=backup.timestamp, reason=why)
                return
            desk.tell("standby_started", backup=backup.timestamp)
            await prepare(hands, backup)
        except Corrupt as error:
            if not damaged(error):
                await self._failed(hands, Level.WARNING, SLOWER, backup.timestamp, error)
                return
            await self._failed(hands, Level.CRITICAL, USELESS, backup.timestamp, error)
            with contextlib.suppress(WatchdogError):  # told already
                await asyncio.to_thread(mark_damaged, backup, desk.name, str(error))
        except WatchdogError as error:
            await self._failed(hands, Level.WARNING, SLOWER, backup.timestamp, error)
        else:
            seconds = round(hands.clock.monotonic() - began, 1)
            desk.tell("standby_ready", backup=backup.timestamp, seconds=seconds)

    async def _why_not(self, hands: Hands, backup: Backup, deployment: Deployment) -> str:
        """The server is asked only where the policy leaves it open."""
        settings = self._desk.tools.settings
        if why := unwanted(settings.rollback, deployment):
            return why
        return cramped(settings.rollback, await _rooms(hands, backup), settings.backup.disk_reserve)

    async def _failed(
        self, hands: Hands, level: Level, meaning: str, timestamp: str, error: WatchdogError
    ) -> None:
        self.why_none = str(error)
        self._desk.tell("standby_failed", backup=timestamp, reason=str(error))
        text = meaning.format(backup=timestamp, error=error)
        await self._desk.alert(level, "the standby copy could not be made", text)
        with contextlib.suppress(WatchdogError):  # the next sweep tries again
            await self._drop(hands, {timestamp})

    async def _tidy(self, gone: str) -> None:
        hands = self._desk.tools.hands
        abandoned = {gone} if gone else set()
        try:
            making = hands.standbys.making
            if making and making not in await self.needed() - abandoned:
                await hands.standbys.cut()
                abandoned.add(making)
            await self._drop(hands, abandoned)
        except WatchdogError as error:  # the next sweep tries again
            log.warning("standby_copies_stay", reason=str(error))

    async def _drop(self, hands: Hands, abandoned: Collection[str]) -> None:
        """What nobody needs, and of those `abandoned` also what is half made."""
        async with hands.standbys.dropping:
            keep = (await self.needed()).difference(abandoned)
            making = hands.standbys.making
            dropped = await drop_unneeded(hands, keep, "" if making in abandoned else making, abandoned)
            self._tell_dropped(dropped)

    def _tell_dropped(self, names: Collection[str]) -> None:
        if names:
            self._desk.tell("standby_dropped", databases=list(names))


async def _rooms(hands: Hands, backup: Backup) -> list[Room]:
    """Each server once, with the databases' sizes when they were backed up: a moment ago."""
    free: dict[str, int] = {}
    sizes: dict[str, dict[str, int]] = {}
    for database in hands.stack.databases:
        cluster = await hands.clusters.of(database, "copies")
        free[database.server] = await cluster.free_bytes()
        size = backup.dump(database.name).account.size_bytes
        sizes.setdefault(database.server, {})[database.name] = size
    return [Room(server, free[server], sizes[server]) for server in free]
