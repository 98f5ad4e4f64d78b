"""The chores: daily backups, then retention and compression; hourly the copies left over; by APScheduler.

Jobs only start our own work and return. Times are UTC: an hour that daylight saving repeats or skips would
fire twice or never. A job that was missed while the host slept runs once when it wakes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from watchdog.alert.alert import Level
from watchdog.daemon.chores import forget, sweep, tidy
from watchdog.daemon.guard import Guard
from watchdog.errors import Busy, WatchdogError

if TYPE_CHECKING:
    from apscheduler.events import JobEvent
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = structlog.get_logger(__name__)

HOURLY = " hourly"
"""Ends the name of a stack's hourly job; its daily one is called like the stack."""
RETRIES = 30
RETRY_AFTER = timedelta(minutes=2)
"""A busy stack is asked again for an hour; then the backup counts as failed, which alerts."""


class Schedule:
    """Runs the chores of every guard; `guards` is shared with the supervisor."""

    def __init__(self, guards: Mapping[str, Guard]) -> None:
        from apscheduler.events import (
            EVENT_JOB_ERROR,
            EVENT_JOB_EXECUTED,
            EVENT_JOB_MAX_INSTANCES,
            EVENT_JOB_MISSED,
        )
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        self._guards = guards
        self._scheduler: AsyncIOScheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        self._scheduler.add_listener(self._ran, EVENT_JOB_EXECUTED)
        self._scheduler.add_listener(
            self._failed, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES
        )
        self._troubled: set[str] = set()

    def start(self) -> None:
        self._scheduler.start()
        self.renew()

    def renew(self) -> None:
        """Take the times from the configuration as it is now."""
        self._scheduler.remove_all_jobs()
        for guard in self._guards.values():
            self._scheduler.add_job(
                self._hourly,
                "interval",
                hours=1,
                args=[guard.name],
                id=guard.name + HOURLY,
                next_run_time=datetime.now(UTC),  # what a dead process left is dropped at the start
            )
            daily = guard.tools.settings.backup.daily
            if daily is not None:
                self._scheduler.add_job(
                    self._daily,
                    "cron",
                    args=[guard.name],
                    id=guard.name,
                    hour=daily.hour,
                    minute=daily.minute,
                )

    def next_run(self, stack: str) -> datetime | None:
        job = self._scheduler.get_job(stack)
        return job.next_run_time if job else None

    async def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _ran(self, event: JobEvent) -> None:
        self._troubled.discard(event.job_id)

    def _failed(self, event: JobEvent) -> None:
        """The scheduler tells nobody that a job broke off, was missed or is at work still: we do, once."""
        guard = self._guards.get(event.job_id.removesuffix(HOURLY))
        if guard is None:
            return
        reason = _reason(event)
        guard.desk.tell("chore_failed", job=event.job_id, reason=reason)
        if event.job_id not in self._troubled:
            self._troubled.add(event.job_id)
            what = "the hourly chores" if event.job_id.endswith(HOURLY) else "the daily backup"
            guard.desk.work.keep(guard.desk.alert(Level.CRITICAL, f"{what} did not run", reason))

    async def _daily(self, stack: str) -> None:
        guard = self._guards.get(stack)
        if guard is not None:
            await daily(guard)

    async def _hourly(self, stack: str) -> None:
        guard = self._guards.get(stack)
        if guard is not None:
            await hourly(guard)


def _reason(event: JobEvent) -> str:
    """An error of ours by its kind alone: its words may hold what a log must not. The traceback is logged."""
    if (error := getattr(event, "exception", None)) is not None:
        log.error("chore_broke_off", job=event.job_id, exc_info=error)
        return f"an error of ops-watchdog's own: {type(error).__name__}; see its log"
    return "it was due while the one before was still at work, or while this host slept"


async def hourly(guard: Guard) -> None:
    """What a busy stack or a server that is down leaves is left to the next hour."""
    guard.aftercare.soon()
    for chore in (sweep, forget):
        try:
            await chore(guard)
        except WatchdogError as error:
            log.warning("chore_left", stack=guard.name, chore=chore.__name__, reason=str(error))


async def daily(guard: Guard) -> None:
    """The night's work on one stack: a backup, then tidying up. Failures alert and end nothing."""
    if await _try(guard, "scheduled backup", lambda: guard.conductor.backup("scheduled")):
        await _try(guard, "tidying the backups", lambda: tidy(guard))


async def _try(guard: Guard, what: str, work: Callable[[], Awaitable[object]]) -> bool:
    for _ in range(RETRIES):
        try:
            await work()
        except Busy:
            await guard.tools.hands.clock.sleep(RETRY_AFTER)
        except WatchdogError as error:
            await guard.desk.alert(Level.CRITICAL, f"{what} failed", str(error))
            return False
        else:
            return True
    await guard.desk.alert(Level.CRITICAL, f"{what} failed", "the stack was busy for an hour")
    return False
