"""Delivers what lies in the outbox: at least once, oldest first, for as long as it takes.

The daemon runs `Outbox.run`; a command without a daemon calls `deliver_due` once before it ends. What a
receiver says decides (design rule 11): taken, try later, try plainer, or never.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from watchdog.alert import slack
from watchdog.alert.alert import Alert, Level
from watchdog.clock import Clock
from watchdog.errors import Unreachable, WatchdogError

log = structlog.get_logger(__name__)

GAP = timedelta(seconds=1)
"""Slack takes one message a second and webhook."""
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)
PATIENCE = 10
"""Tries after which an alert holds the newer ones back no longer: the receiver may choke on this one only."""
GONE = frozenset({401, 403, 404, 410})
"""Slack's answers for a webhook that was revoked or never existed: no retry will help."""


@dataclass(frozen=True, slots=True)
class Response:
    """What the receiver said: HTTP status, the body's beginning, and how long it wants to be left alone."""

    status: int
    body: str
    retry_after: timedelta | None = None


class Messenger(Protocol):
    """Posts JSON to the configured webhook. Raises `Unreachable`; the URL is a secret and stays inside."""

    async def post(self, payload: dict[str, object]) -> Response: ...


class AlertStore(Protocol):
    """Where alerts wait."""

    async def pending_alerts(self) -> tuple[Alert, ...]:
        """Neither sent nor dead, oldest first."""
        ...

    async def save_alert(self, alert: Alert) -> None: ...


class Outbox:
    """The one that empties the outbox. `messenger` is None where nothing is configured: alerts are logged."""

    def __init__(self, store: AlertStore, messenger: Messenger | None, clock: Clock) -> None:
        self._store = store
        self._messenger = messenger
        self._clock = clock
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Somebody wrote an alert: do not wait for the next round."""
        self._woken.set()

    def use(self, messenger: Messenger | None) -> None:
        """Another receiver, after a reload."""
        self._messenger = messenger
        self.wake()

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
            self._woken.clear()
            try:
                due = await self.deliver_due()
            except WatchdogError as error:  # the disk may be full: that must not end the daemon
                log.error("outbox_unusable", reason=str(error))
                due = True
            pause = FIRST_PAUSE if due else LONGEST_PAUSE
            # not asyncio.wait_for: before Python 3.12 it may swallow a cancellation, and then nothing ends
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause.total_seconds()):
                    await self._woken.wait()

    async def deliver_due(self) -> bool:
        """Try each alert whose time has come; True where some are still waiting.

        Newer ones wait with one that is being retried: the receiver wants to be left alone, and people want
        to read in order.
        """
        waiting = False
        for alert in await self._store.pending_alerts():
            if alert.next_attempt_at is None or alert.next_attempt_at <= self._clock.now():
                alert = await self._deliver(alert)
                await self._store.save_alert(alert)
                if self._messenger:
                    await self._clock.sleep(GAP)
            if not (alert.sent_at or alert.dead):
                waiting = True
                if alert.attempts < PATIENCE:
                    break
        return waiting

    async def _deliver(self, alert: Alert) -> Alert:
        now = self._clock.now()
        if self._messenger is None:
            say = {Level.INFO: log.info, Level.WARNING: log.warning, Level.CRITICAL: log.critical}
            say[alert.level]("alert", stack=alert.stack, title=alert.title, text=alert.text)
            return replace(alert, sent_at=now, attempts=alert.attempts + 1)
        try:
            response = await self._messenger.post(slack.message(alert))
            if response.status == 400:
                response = await self._messenger.post(slack.plain_message(alert))
        except Unreachable as error:
            log.warning("alert_not_delivered", alert=alert.id, reason=str(error))
            return _later(alert, now)
        return _settle(alert, response, now)


def _settle(alert: Alert, response: Response, now: datetime) -> Alert:
    if 200 <= response.status < 300:
        return replace(alert, sent_at=now, attempts=alert.attempts + 1)
    if response.status in GONE or response.status == 400:
        log.critical("alert_undeliverable", alert=alert.id, title=alert.title, status=response.status)
        return replace(alert, dead=f"HTTP {response.status}", attempts=alert.attempts + 1)
    log.warning("alert_not_delivered", alert=alert.id, status=response.status)
    return _later(alert, now, response.retry_after)


def _later(alert: Alert, now: datetime, pause: timedelta | None = None) -> Alert:
    grown = min(FIRST_PAUSE * 2 ** min(alert.attempts, 10), LONGEST_PAUSE)
    return replace(alert, attempts=alert.attempts + 1, next_attempt_at=now + (pause or grown))
