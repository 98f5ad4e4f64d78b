"""Keeps the maintenance page in place while it is wanted, and only then.

During an announced deployment until it is healthy or dealt with, during a rollback, while one is held, and in
maintenance. A failure to put it there hinders nothing: it is told, once.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import structlog

from watchdog.alert.alert import Level
from watchdog.daemon.desk import Desk
from watchdog.deploy.deployment import Deployment, Kind
from watchdog.deploy.page import Page, put, take_away
from watchdog.rollback.held import held
from watchdog.rollback.suspension import Suspends, holding

log = structlog.get_logger(__name__)


class _Moment(NamedTuple):
    """What decides; held rollbacks are read from the ledger when anything of it has changed."""

    deployment: str
    under_way: bool
    rolling_back: bool
    maintenance: bool
    path: Path | None


class PageKeeper:
    """Of one guard. One child task at a time touches the file, so that no slow disk holds up the guard."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settled: _Moment | None = None
        self._at_work = False
        self._told: set[str] = set()

    def see_to(self) -> None:
        """After whatever may have changed the answer: at once, and never waits."""
        if not self._at_work and self._moment() != self._settled:
            self._at_work = True
            self._desk.work.keep(self._settle())

    def look_again(self) -> None:
        """A held rollback was dealt with."""
        self._settled = None
        self.see_to()

    async def _settle(self) -> None:
        try:
            while (moment := self._moment()) != self._settled:
                await self._match(moment)
                self._settled = moment
        finally:
            self._at_work = False

    def _moment(self) -> _Moment:
        desk = self._desk
        deployment, now = desk.watch.deployment, desk.tools.hands.clock.now()
        kinds = {s.kind for s in holding(desk.watch.suspensions, now)}
        return _Moment(
            deployment=deployment.id if deployment else "",
            under_way=under_way(deployment),
            rolling_back=desk.work.rolling_back or desk.work.decided,
            maintenance=Suspends.MAINTENANCE in kinds,
            path=desk.tools.settings.maintenance_page,
        )

    async def _match(self, moment: _Moment) -> None:
        placed = {Path(page.path): page for page in await self._desk.tools.ledger.pages(self._desk.name)}
        wanted = moment.path is not None and await self._wanted(moment)
        for path, page in placed.items():
            if not wanted or path != moment.path:
                await self._take_away(page)
        if wanted and moment.path is not None:
            await self._put(moment.path)

    async def _wanted(self, moment: _Moment) -> bool:
        if moment.under_way or moment.rolling_back or moment.maintenance:
            return True
        ledger, name = self._desk.tools.ledger, self._desk.name
        return held(await ledger.operations(name), await ledger.deployments(name)) is not None

    async def _put(self, path: Path) -> None:
        """The row first: what a crash leaves of the file is ours."""
        desk, now = self._desk, self._desk.tools.hands.clock.now()
        page = Page(desk.name, str(path), now)
        await desk.tools.ledger.write(page)
        try:
            ours = await asyncio.to_thread(put, path)
        except OSError as error:
            await desk.tools.ledger.write(replace(page, gone_at=now))
            trouble = f"{path} cannot be written: {error.strerror}"
            await self._tell_trouble(trouble, "Nothing else waits for it.")
            return
        if not ours:
            await desk.tools.ledger.write(replace(page, gone_at=now))
            desk.tell("maintenance_page_left", path=str(path), reason="a file of somebody's own is there")
            return
        self._told.clear()
        desk.tell("maintenance_page_put", path=str(path))

    async def _take_away(self, page: Page) -> None:
        desk = self._desk
        try:
            gone = await asyncio.to_thread(take_away, Path(page.path))
        except OSError as error:
            trouble = f"{page.path} cannot be removed: {error.strerror}"
            await self._tell_trouble(trouble, "Your users see it instead of the product: remove it by hand.")
            return
        await desk.tools.ledger.write(replace(page, gone_at=desk.tools.hands.clock.now()))
        if gone:
            desk.tell("maintenance_page_removed", path=page.path)

    async def _tell_trouble(self, trouble: str, meaning: str) -> None:
        log.warning("maintenance_page_trouble", reason=trouble)
        if trouble not in self._told:
            self._told.add(trouble)
            await self._desk.alert(Level.WARNING, "the maintenance page", f"{trouble}. {meaning}")


def under_way(deployment: Deployment | None) -> bool:
    """Of an announced deployment, from its command's start until it is healthy, or its failure is dealt with.

    Its window goes on for minutes, and an observed one may have replaced a container without anybody
    noticing: a page then would be an outage of our making.
    """
    return deployment is not None and deployment.kind is Kind.ANNOUNCED and deployment.healthy_at is None
