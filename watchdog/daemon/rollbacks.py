"""Rollbacks as one guard sees them: carried out under the lock, seen through, resumed after a crash."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from watchdog.alert.alert import Level
from watchdog.backup.catalogue import catalogue
from watchdog.daemon.aftercare import Aftercare
from watchdog.daemon.desk import Desk
from watchdog.daemon.looking import Looker
from watchdog.daemon.maintenance import PageKeeper
from watchdog.daemon.trusting import Trust
from watchdog.errors import Busy
from watchdog.rollback import operate
from watchdog.rollback.operation import Operation, Outcome, StepRecord
from watchdog.rollback.target import Target, as_it_runs

log = structlog.get_logger(__name__)

PAUSE = timedelta(seconds=2)
"""Before a rollback that met somebody else's lock is tried again."""
BROKEN_OFF = (
    "Look at what runs now. Starting the daemon again goes on with it ('systemctl restart ops-watchdog'); "
    "'ops-watchdog status' shows where it stands."
)
TOO_OLD = timedelta(days=1)
"""A journal older than this is reported, not acted upon (field notes, Rolling back 11)."""


class Rollbacks:
    """Of one guard."""

    def __init__(
        self, desk: Desk, looker: Looker, trust: Trust, aftercare: Aftercare, page: PageKeeper
    ) -> None:
        self._desk = desk
        self._looker = looker
        self._trust = trust
        self._aftercare = aftercare
        self._page = page

    async def carry_out(self, request: operate.Request) -> Operation:
        """A decided rollback, under the lock. Raises `Busy` where something else is under way."""
        doing = f"rollback to {request.target.release.id}"
        return await self._desk.work.run(doing, self._begin(request))  # type: ignore[no-any-return]

    async def see_through(self, deployment: str, work: Coroutine[None, None, Operation]) -> None:
        """Nobody else waits for this rollback: a fault of it must not vanish. Raises `Busy` alone."""
        try:
            operation = await work
        except Busy:
            raise
        except Exception as error:
            log.exception("rollback_failed")
            text = f"{type(error).__name__}\n{BROKEN_OFF}"
            await self._desk.alert(Level.CRITICAL, "rollback broke off", text)
            self._desk.tell("rollback_broke_off", deployment=deployment)
            self._desk.settle(deployment, "failed")
        else:
            succeeded = operation.outcome is Outcome.SUCCEEDED
            self._desk.settle(deployment, "rolled back" if succeeded else "failed")

    async def recover(self) -> None:
        """Go on with what a dead process left: a rollback that is open in the ledger."""
        desk = self._desk
        newest = await desk.tools.ledger.operations(desk.name, limit=1)
        if not newest:
            return
        operation = newest[0]
        if not operation.open:
            await self._finish(operation)
            return
        if desk.tools.hands.clock.now() - operation.started_at > TOO_OLD:
            await self._leave_to_a_person(operation)
            return
        release = await desk.tools.ledger.release(operation.target_release)
        if release is None and operation.keeps_release:
            release = as_it_runs(desk.tools.settings.stack, desk.watch.containers, operation.started_at)
        if release is None:
            reason = f"rollback {operation.id} is open, but its release is not in the state any more"
            await desk.alert(Level.CRITICAL, "rollback cannot be resumed", f"{reason}\n{BROKEN_OFF}")
            return
        backup = operate.backup_of(operation, catalogue(desk.tools.settings.backup.directory, desk.name))
        desk.tell("rollback_resumed", operation=operation.id)
        desk.work.rolling_back = True
        desk.work.keep(self._resume_until_free(operation, Target(release, backup)))

    async def _finish(self, operation: Operation) -> None:
        """A process may have died between a rollback's end and what follows from it for the guard."""
        seen = await self._desk.tools.ledger.seen(self._desk.name)
        if seen is None or operation.ended_at is None or seen.at >= operation.ended_at:
            return
        self._desk.work.rolling_back = True  # what runs is our doing, and no deployment
        try:
            await self._trust.after_rollback(operation)
        finally:
            self._desk.work.rolling_back = False

    async def _begin(self, request: operate.Request) -> Operation:
        tools, fingerprint = self._desk.tools, self._desk.watch.fingerprint
        captured = await tools.ledger.newest_release(self._desk.name, fingerprint)
        request = replace(request, running=(fingerprint, captured))
        return await self._machine(
            operate.begin(request, tools.hands, tools.ledger, self._step, tools.outbox.wake)
        )

    async def _machine(self, work: Coroutine[None, None, Operation]) -> Operation:
        desk = self._desk
        desk.work.rolling_back, desk.work.decided = True, False
        self._page.see_to()
        try:
            operation = await work
            ended = {"outcome": operation.outcome, "detail": operation.detail}
            desk.tell("rollback_ended", operation=operation.id, **ended)
            await desk.ask(lambda: self._trust.after_rollback(operation))
            self._aftercare.soon()
        finally:
            desk.work.rolling_back = False
            self._page.see_to()
        await desk.ask(self._looker.look)  # what came back is captured at once
        return operation

    def _step(self, record: StepRecord) -> None:
        kind = "step_finished" if record.ended_at else "step_started"
        facts = {"step": record.step, "seconds": round(record.seconds, 3), "error": record.error}
        self._desk.tell(kind, **facts)

    async def _resume_until_free(self, operation: Operation, target: Target) -> None:
        """A command without a daemon may be finishing it at this moment; if it dies, it is ours."""
        ledger, clock = self._desk.tools.ledger, self._desk.tools.hands.clock
        newest: Operation | None = operation
        while newest is not None and newest.open:
            try:
                work = self._desk.work.run(f"rollback {operation.id}", self._resume(newest, target))
                await self.see_through(operation.deployment or operation.id, work)
                break
            except Busy as error:
                log.warning("rollback_waits", reason=str(error))
                await clock.sleep(PAUSE)
                newest = await ledger.operation(operation.id)
        self._desk.work.rolling_back = False
        await self._desk.ask(self._looker.look)

    async def _resume(self, operation: Operation, target: Target) -> Operation:
        tools = self._desk.tools
        return await self._machine(
            operate.resume(operation, target, tools.hands, tools.ledger, self._step, tools.outbox.wake)
        )

    async def _leave_to_a_person(self, operation: Operation) -> None:
        """Too much may have happened since: report, do not act."""
        now = self._desk.tools.hands.clock.now()
        detail = f"it was interrupted on {operation.started_at:%Y-%m-%d %H:%M} UTC and is too old to go on"
        held = replace(operation, outcome=Outcome.HELD, ended_at=now, detail=detail)
        text = f"{detail}. Look with 'ops-watchdog status', then decide with 'ops-watchdog rollback --plan'."
        await self._desk.alert(Level.CRITICAL, f"rollback {operation.id} held", text, held)


def outcome(operation: Operation) -> dict[str, Any]:
    """How a rollback ended, as the command line shows it."""
    return {
        "operation": operation.id,
        "outcome": operation.outcome.value,
        "detail": operation.detail,
        "release": operation.target_release,
        "backup": operation.backup,
    }
