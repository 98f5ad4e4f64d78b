"""Keeps asking whether automatic rollback is possible, beside the guard's own path, and tells each change.

A watchdog that is disarmed must not be silent: what lasts is alerted, and so is its end.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from watchdog.alert.alarm import Alarm, Case, Rhythm, Told, Wrong, after, fresh
from watchdog.alert.alert import Alert, Level, alert
from watchdog.daemon.arming import why_unarmed
from watchdog.daemon.desk import Desk
from watchdog.daemon.watch import NOT_LOOKED
from watchdog.deploy.deployment import Phase
from watchdog.errors import WatchdogError
from watchdog.rollback.ledger import Noted
from watchdog.rollback.policy import Mode
from watchdog.rollback.suspension import holding

log = structlog.get_logger(__name__)

EVERY = timedelta(minutes=5)
"""Images are pruned and databases fill up without an event."""
PAUSE = timedelta(seconds=2)
"""Of a thousand samples a second one may ask whether anything changed."""
SUBJECT = "automatic rollback"
LOUD = Rhythm(moment=timedelta(minutes=10), flaps=100)
"""Every deployment disarms for a moment: what lasts longer is told, and reminded of."""
HEARD = {
    Told.DOWN: "automatic rollback is not possible",
    Told.REMINDER: "automatic rollback is still not possible",
    Told.FLAPPING: "automatic rollback is possible and impossible by turns",
    Told.RECOVERED: "automatic rollback is possible again",
}
_NUMBERS = re.compile(r"[0-9]+")


class Readiness:
    """Of one guard. `reasons`: why automatic rollback was not possible when last asked; None: never asked."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._task: asyncio.Task[None] | None = None
        self._known: tuple[Any, ...] = ()
        self._looked_at = self._asked_at = float("-inf")
        self.reasons: tuple[str, ...] | None = None

    def consider(self) -> None:
        """After each message: ask where something changed that matters, and every few minutes."""
        now = self._desk.tools.hands.clock.monotonic()
        if now - self._looked_at < PAUSE.total_seconds() or (self._task and not self._task.done()):
            return
        self._looked_at = now
        if self._in_flux:
            self._known = ()  # whatever comes of it is asked for when it has ended
            return
        known = self._depends_on()
        if known != self._known or now - self._asked_at >= EVERY.total_seconds():
            self._known, self._asked_at = known, now
            self._task = asyncio.create_task(self._ask(), name=f"readiness {self._desk.name}")
            self._task.add_done_callback(self._ended)

    async def done(self) -> None:
        """Wait for the answer that is under way."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def _in_flux(self) -> bool:
        """Not looked yet, though Docker answers, or one of ours is at work: in a moment more is known."""
        watch, work = self._desk.watch, self._desk.work
        failed = watch.deployment is not None and watch.deployment.phase is Phase.FAILED
        unknown = watch.looked_at is None or (watch.release is None and watch.uncaptured == NOT_LOOKED)
        return (unknown and watch.reachable) or failed or work.busy or work.changing

    def _depends_on(self) -> tuple[Any, ...]:
        """What can be told without asking anybody."""
        watch, settings = self._desk.watch, self._desk.tools.settings
        releases = [release.id if release else None for release in (watch.release, watch.good)]
        red = watch.red(settings.checks)
        return (*releases, watch.uncaptured, red, watch.reachable, watch.identities, settings.rollback)

    async def _ask(self) -> None:
        try:
            reasons = await why_unarmed(self._desk)
            news = await self._news(reasons)
            if news:
                await self._desk.tools.ledger.write(*news)
                self._desk.tools.outbox.wake()
        except WatchdogError as error:  # the state is unusable: the guard tells that
            log.warning("readiness_unknown", stack=self._desk.name, reason=str(error))
            self._known = ()

    async def _news(self, reasons: tuple[str, ...]) -> list[Noted | Alarm | Alert]:
        """What there is to be written; the log is told at once."""
        before, self.reasons = self.reasons, reasons
        if before is not None and _same(before) == _same(reasons):
            return await self._alarm(reasons)
        noted = self._desk.noted("armed", _sentence(reasons))
        if before is None and await self._noted_already(noted):
            return await self._alarm(reasons)
        self._desk.tell("not_armed" if reasons else "armed", reasons=list(reasons))
        return [noted, *await self._alarm(reasons)]

    async def _noted_already(self, line: Noted) -> bool:
        """The last process said the same: a restart is no news."""
        lines = await self._desk.tools.ledger.noted(self._desk.name, "")
        last = next((one for one in lines if one.kind == line.kind), None)
        return last is not None and _NUMBERS.sub("", last.text) == _NUMBERS.sub("", line.text)

    async def _alarm(self, reasons: tuple[str, ...]) -> list[Noted | Alarm | Alert]:
        """Nobody is told of what a person chose, nor a second time that Docker is down."""
        desk, now = self._desk, self._desk.tools.hands.clock.now()
        alarms = await desk.tools.ledger.alarms(desk.name)
        before = next((one for one in alarms if one.subject == SUBJECT), fresh(desk.name, SUBJECT, now))
        chosen = desk.tools.settings.rollback.mode is not Mode.AUTO or await self._suspended()
        if chosen or not desk.watch.reachable:
            quiet = replace(before, cleared_at=before.cleared_at or now, told_at=None, reminders=0)
            return [quiet] if before.lasts and chosen else []
        wrong = Wrong("\n".join(reasons), now, Level.WARNING) if reasons else None
        rhythm = LOUD if reasons else replace(LOUD, moment=timedelta(0))
        alarm, message = after(Case(before, wrong, rhythm), now)
        if message is None:
            return [alarm] if alarm != before else []
        level = Level.INFO if message is Told.RECOVERED else Level.WARNING
        return [alarm, alert(desk.name, level, HEARD[message], "\n".join(reasons), now)]

    async def _suspended(self) -> bool:
        now = self._desk.tools.hands.clock.now()
        return bool(holding(await self._desk.tools.ledger.suspensions(self._desk.name), now))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("readiness_broke_off", stack=self._desk.name, exc_info=error)


def _sentence(reasons: tuple[str, ...]) -> str:
    return f"not armed: {'; '.join(reasons)}" if reasons else "armed: automatic rollback is possible"


def _same(reasons: tuple[str, ...]) -> frozenset[str]:
    """Whether they are the same reasons: how much room is free changes by the minute."""
    return frozenset(_NUMBERS.sub("", reason) for reason in reasons)
