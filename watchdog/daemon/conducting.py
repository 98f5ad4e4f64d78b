"""The conductor: what a guard does over time, as child tasks beside its inbox.

Announced deployments, rollbacks and backups; one at a time per stack, each under the stack's lock. Children
change the guard's state only through `guard.ask`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from watchdog.alert.alert import Level
from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import catalogue
from watchdog.daemon import trusting
from watchdog.daemon.announcing import Announcement
from watchdog.daemon.reacting import react
from watchdog.daemon.tools import Command
from watchdog.daemon.turns import Turns
from watchdog.deploy.caller import Caller
from watchdog.deploy.command import shown
from watchdog.deploy.deployment import Deployment, Phase
from watchdog.errors import Busy
from watchdog.rollback import operate
from watchdog.rollback.operation import Operation, Outcome, StepRecord
from watchdog.rollback.target import Target, as_it_runs

if TYPE_CHECKING:  # the guard owns its conductor
    from watchdog.daemon.guard import Guard

log = structlog.get_logger(__name__)

PAUSE = timedelta(seconds=2)
"""Before a rollback that met somebody else's lock is tried again."""
BROKEN_OFF = (
    "Look at what runs now. Starting the daemon again goes on with it ('systemctl restart ops-watchdog'); "
    "'ops-watchdog status' shows where it stands."
)
TOO_OLD = timedelta(days=1)
"""A journal older than this is reported, not acted upon (field notes, Rolling back 11)."""


class Conductor:
    """Conducts what takes time for one guard."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._turns = Turns(guard)
        self._announcement: Announcement | None = None
        self._settled: dict[str, asyncio.Future[str]] = {}
        self._children: set[asyncio.Task[Any]] = set()
        self.rolling_back = False

    @property
    def busy(self) -> bool:
        """An operation of ours is at work now that nothing may cut."""
        return self._turns.busy

    @property
    def changing(self) -> bool:
        """Containers come and go by our doing now: a rollback, or the command of a deployment."""
        return self.rolling_back or (self._announcement is not None and self._announcement.running)

    @property
    def ours(self) -> bool:
        """What changes now is our doing, and is taken for granted as soon as it has ended."""
        return self.rolling_back or (self._announcement is not None and self._announcement.under_way)

    @property
    def doing(self) -> str:
        return self._turns.doing

    async def run(self, doing: str, work: Coroutine[Any, Any, Any], gives_way: bool = False) -> Any:
        """Do one thing under the stack's lock (see `Turns.run`). Raises `Busy` where another is under way."""
        return await self._turns.run(doing, work, gives_way)

    async def backup(self, reason: str) -> Backup:
        """A backup of what runs now, wanted by a person or by the schedule."""
        made: Backup = await self.run("backup", self.write_backup(reason))
        return made

    async def write_backup(self, reason: str) -> Backup:
        """As `backup`, for who holds the lock already."""
        guard = self._guard
        await guard.look_now()
        release, containers = guard.watch.release, guard.watch.containers
        backup = await guard.tools.make_backup(
            release, containers, reason, lambda text: guard.tell("backup_progress", text=text)
        )
        guard.tell("backup_written", backup=backup.timestamp, reason=reason)
        return backup

    async def deploy(self, command: Command, allowed: bool, terminal: Caller | None = None) -> dict[str, Any]:
        """An announced deployment: backup, command, and the wait until it is healthy or dealt with."""
        announcement = Announcement(self._guard, command, allowed, terminal, self.write_backup)
        deployment = await self.run(f"deploy {' '.join(shown(command.argv))}", self._announce(announcement))
        settled = self._settled.setdefault(deployment.id, asyncio.get_running_loop().create_future())
        await self._guard.ask(self.follow_up)
        state = await settled
        self._settled.pop(deployment.id, None)
        return {"deployment": deployment.id, "state": state, "backup": deployment.backup}

    async def _announce(self, announcement: Announcement) -> Deployment:
        self._announcement = announcement
        try:
            return await announcement.run()
        finally:
            self._announcement = None

    async def failed(self, deployment: Deployment, reasons: tuple[str, ...]) -> None:
        """The verdict fell. The command and all that it started end before anything else happens."""
        guard = self._guard
        if deployment.phase is not Phase.FAILED:
            every = tuple(dict.fromkeys((*deployment.reasons, *reasons)))
            deployment = replace(
                deployment, phase=Phase.FAILED, reasons=every, to_fingerprint=guard.watch.fingerprint
            )
            guard.watch.deployment = deployment
            await guard.tools.ledger.write(deployment)
            guard.tell("deployment_failed", deployment=deployment.id, reasons=list(every))
            if self._announcement is not None:
                self._keep(asyncio.create_task(self._announcement.end_command()))
        await self.follow_up()

    async def follow_up(self) -> None:
        """React to a failed deployment once nothing of ours is at work any more, and Docker can be asked."""
        guard = self._guard
        deployment = guard.watch.deployment
        if deployment is None or deployment.phase is not Phase.FAILED:
            return
        if self.busy or not guard.watch.reachable:
            return
        reaction = await react(guard.tools, guard.watch, deployment)
        now = guard.tools.hands.clock.now()
        ended = replace(deployment, ended_at=now)
        if reaction.request is None:
            title = "deployment failed and was not rolled back"
            text = "\n".join([*deployment.reasons, f"Not rolled back: {reaction.refusal}"])
            await guard.alert(Level.CRITICAL, title, text, ended, *trusting.failed(guard, deployment, now))
            guard.watch.deployment = None
            guard.tell("not_rolled_back", deployment=deployment.id, reason=reaction.refusal)
            self.settle(deployment.id, "failed")
            return
        guard.watch.deployment = None
        guard.tell("rollback_decided", deployment=deployment.id, release=reaction.request.target.release.id)
        self._keep(asyncio.create_task(self._react(deployment, reaction.request)))

    async def _react(self, deployment: Deployment, request: operate.Request) -> None:
        """Roll back. Where something else was quicker, decide anew once it has ended: nothing is dropped."""
        try:
            await self._see_through(deployment.id, self.roll_back(request))
        except Busy as error:
            self._guard.tell("rollback_waits", deployment=deployment.id, reason=str(error))
            await self._guard.tools.hands.clock.sleep(PAUSE)
            await self._guard.ask(lambda: self._take_back(deployment))

    async def _take_back(self, deployment: Deployment) -> None:
        if self._guard.watch.deployment is None:
            self._guard.watch.deployment = deployment

    async def _see_through(self, deployment: str, work: Coroutine[Any, Any, Operation]) -> None:
        """Nobody else waits for this rollback: a fault of it must not vanish."""
        try:
            operation = await work
        except Busy:
            raise
        except Exception as error:
            log.exception("rollback_failed")
            await self._guard.alert(
                Level.CRITICAL, "rollback broke off", f"{type(error).__name__}\n{BROKEN_OFF}"
            )
            self._guard.tell("rollback_broke_off", deployment=deployment)
            self.settle(deployment, "failed")
        else:
            succeeded = operation.outcome is Outcome.SUCCEEDED
            self.settle(deployment, "rolled back" if succeeded else "failed")

    def _keep(self, task: asyncio.Task[Any]) -> None:
        """The loop holds tasks weakly only."""
        self._children.add(task)
        task.add_done_callback(self._children.discard)

    async def roll_back(self, request: operate.Request) -> Operation:
        """Carry out a decided rollback, under the lock."""
        return await self.run(f"rollback to {request.target.release.id}", self._roll_back(request))  # type: ignore[no-any-return]

    async def _roll_back(self, request: operate.Request) -> Operation:
        tools, fingerprint = self._guard.tools, self._guard.watch.fingerprint
        captured = await tools.ledger.newest_release(self._guard.name, fingerprint)
        request = replace(request, running=(fingerprint, captured))
        return await self._machine(
            operate.begin(request, tools.hands, tools.ledger, self._step, tools.outbox.wake)
        )

    async def _machine(self, work: Coroutine[Any, Any, Operation]) -> Operation:
        guard = self._guard
        self.rolling_back = True
        try:
            operation = await work
            outcome = {"outcome": operation.outcome, "detail": operation.detail}
            guard.tell("rollback_ended", operation=operation.id, **outcome)
            await guard.ask(lambda: trusting.after_rollback(guard, operation))
            guard.aftercare.soon()
        finally:
            self.rolling_back = False
        return operation

    def _step(self, record: StepRecord) -> None:
        kind = "step_finished" if record.ended_at else "step_started"
        facts = {"step": record.step, "seconds": round(record.seconds, 3), "error": record.error}
        self._guard.tell(kind, **facts)

    async def recover(self) -> None:
        """Go on with what a dead process left: a rollback that is open in the ledger."""
        guard = self._guard
        newest = await guard.tools.ledger.operations(guard.name, limit=1)
        if not newest or not newest[0].open:
            return
        operation = newest[0]
        if guard.tools.hands.clock.now() - operation.started_at > TOO_OLD:
            await self._leave_to_a_person(operation)
            return
        release = await guard.tools.ledger.release(operation.target_release)
        if release is None and operation.keeps_release:
            release = as_it_runs(guard.tools.settings.stack, guard.watch.containers, operation.started_at)
        if release is None:
            reason = f"rollback {operation.id} is open, but its release is not in the state any more"
            await guard.alert(Level.CRITICAL, "rollback cannot be resumed", f"{reason}\n{BROKEN_OFF}")
            return
        backup = operate.backup_of(operation, catalogue(guard.tools.settings.backup.directory, guard.name))
        guard.tell("rollback_resumed", operation=operation.id)
        self.rolling_back = True
        target = Target(release, backup)
        self._keep(asyncio.create_task(self._resume_until_free(operation, target)))

    async def _resume_until_free(self, operation: Operation, target: Target) -> None:
        """A command without a daemon may be finishing it at this moment; if it dies, it is ours."""
        ledger, clock = self._guard.tools.ledger, self._guard.tools.hands.clock
        newest: Operation | None = operation
        while newest is not None and newest.open:
            try:
                work = self.run(f"rollback {operation.id}", self._resume(newest, target))
                await self._see_through(operation.deployment or operation.id, work)
                break
            except Busy as error:
                log.warning("rollback_waits", reason=str(error))
                await clock.sleep(PAUSE)
                newest = await ledger.operation(operation.id)
        self.rolling_back = False
        await self._guard.ask(self._guard.look)

    async def _leave_to_a_person(self, operation: Operation) -> None:
        """Too much may have happened since: report, do not act."""
        now = self._guard.tools.hands.clock.now()
        detail = f"it was interrupted on {operation.started_at:%Y-%m-%d %H:%M} UTC and is too old to go on"
        held = replace(operation, outcome=Outcome.HELD, ended_at=now, detail=detail)
        text = f"{detail}. Look with 'ops-watchdog status', then decide with 'ops-watchdog rollback --plan'."
        await self._guard.alert(Level.CRITICAL, f"rollback {operation.id} held", text, held)

    async def _resume(self, operation: Operation, target: Target) -> Operation:
        tools = self._guard.tools
        return await self._machine(
            operate.resume(operation, target, tools.hands, tools.ledger, self._step, tools.outbox.wake)
        )

    async def at_rest(self) -> None:
        """Wait until nothing of ours is at work any more."""
        while tasks := [task for task in self._tasks() if not task.done()]:
            await asyncio.wait(tasks)

    async def stop(self) -> None:
        """Cut what is under way: the journal lets the next start go on."""
        await self._guard.capturer.stop()
        await self._guard.preparer.stop()
        await self._guard.aftercare.stop()
        tasks = self._tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _tasks(self) -> list[asyncio.Task[Any]]:
        return [*self._children, *([self._turns.task] if self._turns.task else [])]

    def settle(self, deployment: str, state: str) -> None:
        """Whoever waits for this deployment may go on."""
        future = self._settled.setdefault(deployment, asyncio.get_running_loop().create_future())
        if not future.done():
            future.set_result(state)
