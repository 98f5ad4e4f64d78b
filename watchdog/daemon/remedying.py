"""Restarts a service that its own health check calls unhealthy, where its operator asked for it.

Only while nothing else is going on: outside of windows, operations, suspensions and held rollbacks. Each
restart is written down before it is done, so that the bounds of `health.remedy` outlive the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from watchdog.alert.alarm import Alarm
from watchdog.alert.alert import Level
from watchdog.daemon.desk import Desk
from watchdog.daemon.looking import Looker
from watchdog.errors import Busy, WatchdogError
from watchdog.health.remedy import PAUSES, WITHIN, Remedy, remedy
from watchdog.rollback.held import held
from watchdog.rollback.ledger import Audit
from watchdog.rollback.suspension import holding
from watchdog.rollback.target import AUTOMATIC
from watchdog.stack import Container, Health

ACTION = "restart unhealthy"
GIVEN_UP = "remedy "
"""Begins the subject of the alarm of a service that is not restarted any more; told once, not reminded of."""
FAR_BACK = 1000
"""Audit rows among which the restarts of the last hour are looked for."""

log = structlog.get_logger(__name__)


class Remedying:
    """Of one guard."""

    def __init__(self, desk: Desk, looker: Looker) -> None:
        self._desk = desk
        self._looker = looker
        self._at_work: set[str] = set()
        self._given_up: dict[str, Alarm] = {}
        self._looked_at: float | None = None

    async def remember(self) -> None:
        """The services that were given up before this process began."""
        rows = await self._desk.tools.ledger.alarms(self._desk.name)
        given_up = [row for row in rows if row.subject.startswith(GIVEN_UP) and row.lasts]
        self._given_up = {row.subject.removeprefix(GIVEN_UP): row for row in given_up}

    def consider(self) -> None:
        """After each look: see to every service that may be restarted, in a task of its own."""
        desk, watch = self._desk, self._desk.watch
        if watch.looked_at == self._looked_at or not self._nothing_else:
            return
        self._looked_at = watch.looked_at
        for service in sorted({c.service for c in watch.containers} - self._at_work):
            if self._needs_something(service):
                self._at_work.add(service)
                desk.work.keep(self._see_to(service))

    @property
    def _nothing_else(self) -> bool:
        work, watch = self._desk.work, self._desk.watch
        return watch.reachable and watch.deployment is None and not (work.busy or work.changing or work.ours)

    def _needs_something(self, service: str) -> bool:
        if service in self._given_up:
            return all(c.running and c.health is Health.HEALTHY for c in self._members(service))
        return self._desk.tools.settings.on_unhealthy.restarts(service) and bool(self._unhealthy(service))

    def _members(self, service: str) -> list[Container]:
        return [c for c in self._desk.watch.containers if c.service == service and not c.one_off]

    def _unhealthy(self, service: str) -> list[Container]:
        return [c for c in self._members(service) if c.running and c.health is Health.UNHEALTHY]

    async def _see_to(self, service: str) -> None:
        try:
            if service in self._given_up:
                await self._trust_again(service)
            elif not await self._in_a_persons_hands():
                await self._remedy(service)
        except Busy as error:
            log.info("restart_waits", stack=self._desk.name, service=service, reason=str(error))
        except WatchdogError as error:  # the next look tries again, within the same bounds
            log.warning("restart_failed", stack=self._desk.name, service=service, reason=str(error))
            title, text = f"service {service} could not be restarted", f"{error}"
            await self._desk.alert(Level.CRITICAL, title, text)
        finally:
            self._at_work.discard(service)

    async def _in_a_persons_hands(self) -> bool:
        ledger, name, now = self._desk.tools.ledger, self._desk.name, self._desk.tools.hands.clock.now()
        if holding(await ledger.suspensions(name), now):
            return True
        return held(await ledger.operations(name), await ledger.deployments(name)) is not None

    async def _remedy(self, service: str) -> None:
        desk, now = self._desk, self._desk.tools.hands.clock.now()
        audits = await desk.tools.ledger.audits(desk.name, limit=FAR_BACK)
        earlier = [a.at for a in audits if a.action == ACTION and a.detail == service]
        match remedy(earlier, now):
            case Remedy.RESTART:
                await desk.work.run(f"restart of {service}", self._restart(service, earlier))
            case Remedy.GIVE_UP:
                await self._give_up(service)

    async def _restart(self, service: str, earlier: Sequence[datetime]) -> None:
        """Under the lock; the world may have changed while it was waited for."""
        desk, now = self._desk, self._desk.tools.hands.clock.now()
        unhealthy = self._unhealthy(service)
        if not unhealthy or desk.watch.deployment is not None:
            return
        number = sum(now - at < WITHIN for at in earlier) + 1
        text = f"It is unhealthy by its own health check; restart {number} of {len(PAUSES)} within an hour."
        audit = Audit(desk.name, now, AUTOMATIC, ACTION, service)
        noted = desk.noted("decision", f"{service} is unhealthy and is restarted ({number} of {len(PAUSES)})")
        await desk.alert(Level.WARNING, f"service {service} is restarted", text, audit, noted)
        desk.tell("restarting_unhealthy", service=service, number=number)
        for container in unhealthy:
            await desk.tools.hands.engine.restart(container.id)
        await desk.ask(self._looker.look)

    async def _give_up(self, service: str) -> None:
        """Once: it is left alone until it has been healthy."""
        desk, now = self._desk, self._desk.tools.hands.clock.now()
        text = (
            f"It is unhealthy although it was restarted {len(PAUSES)} times within an hour. It is not "
            f"restarted again before it was healthy: see 'docker compose logs {service}' and mend the cause."
        )
        alarm = Alarm(desk.name, GIVEN_UP + service, text, raised_at=now, told_at=now)
        noted = desk.noted("decision", f"{service} is unhealthy and is not restarted any more")
        await desk.alert(Level.CRITICAL, f"service {service} stays unhealthy", text, alarm, noted)
        self._given_up[service] = alarm
        desk.tell("gave_up_restarting", service=service)

    async def _trust_again(self, service: str) -> None:
        now = self._desk.tools.hands.clock.now()
        await self._desk.tools.ledger.write(replace(self._given_up[service], cleared_at=now, told_at=None))
        del self._given_up[service]
