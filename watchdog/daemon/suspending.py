"""Pause and maintenance: a person suspends what would be done unattended, for a limited time.

The guard decides by the rows themselves (`rollback.course`); here they begin, and end by word or by time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from watchdog.alert.alert import Level
from watchdog.daemon.desk import Desk
from watchdog.errors import Refused, UsageError
from watchdog.rollback.ledger import Audit
from watchdog.rollback.suspension import LONGEST, Suspends, Suspension

BEGUN = {
    Suspends.PAUSE: "automatic rollback is paused",
    Suspends.MAINTENANCE: "maintenance has begun: nothing is rolled back unattended",
}
OVER = {
    Suspends.PAUSE: "the pause is over: automatic rollback goes on",
    Suspends.MAINTENANCE: "maintenance is over: automatic rollback goes on",
}
SOONEST = timedelta(seconds=1)
"""An end that cannot be written is tried again no sooner."""
RECORDED = "Everything is recorded meanwhile. A rollback that a person wants is carried out as ever."


class Suspender:
    """Of one guard; everything runs in the guard's own task."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def begin(self, kind: Suspends, length: timedelta, actor: str, reason: str) -> Suspension:
        """From now on, instead of one that holds already. Raises `UsageError` for no time or too much."""
        if not timedelta(0) < length <= LONGEST:
            raise UsageError(f"a {kind} takes longer than zero and at most {LONGEST.days}d: it must end")
        now = self._now
        made = Suspension(self._desk.name, kind, now, now + length, actor, reason)
        await self._write(made, Level.WARNING, BEGUN[kind], f"{made}.\n{RECORDED}", str(made), actor)
        return made

    async def end(self, kind: Suspends, actor: str) -> Suspension:
        """Before its time. Raises `Refused` where none holds."""
        found = next((s for s in self._desk.watch.suspensions if s.kind is kind and s.holds(self._now)), None)
        if found is None:
            raise Refused(f"no {kind} of {self._desk.name} holds now")
        ended = replace(found, ended_at=self._now)
        await self._write(
            ended, Level.INFO, OVER[kind], f"Ended by {actor}.", f"{kind} ended by {actor}", actor
        )
        return ended

    @property
    def pause(self) -> timedelta | None:
        """How long until one ends by time; None: none will."""
        ends = [s.until for s in self._desk.watch.suspensions if s.ended_at is None]
        return max(min(ends) - self._now, SOONEST) if ends else None

    async def expire(self) -> None:
        """After each message: whose time has passed, also while no daemon ran, ends with a word about it."""
        for found in self._desk.watch.suspensions:
            if found.over(self._now):
                ended = replace(found, ended_at=found.until)
                text = f"It was to last until {found.until:%Y-%m-%d %H:%M} UTC."
                await self._write(ended, Level.INFO, OVER[found.kind], text, f"{found.kind} is over", "")

    async def _write(
        self, made: Suspension, level: Level, title: str, text: str, story: str, actor: str
    ) -> None:
        desk = self._desk
        audit = [Audit(desk.name, self._now, actor, made.kind, story)] if actor else []
        await desk.alert(level, title, text, made, desk.noted("suspension", story), *audit)
        others = tuple(s for s in desk.watch.suspensions if s.kind is not made.kind)
        desk.watch.suspensions = (*others, made)
        desk.tell("suspension_ended" if made.ended_at else "suspended", suspends=made.kind, text=story)

    @property
    def _now(self) -> datetime:
        return self._desk.tools.hands.clock.now()
