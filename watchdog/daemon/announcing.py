"""An announced deployment, from its backup to the end of its command. Conducted by `daemon.conducting`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from watchdog.alert.alert import Level, alert
from watchdog.backup.backup import Backup
from watchdog.daemon.arming import why_unarmed
from watchdog.daemon.before import baselines, free_name
from watchdog.daemon.desk import Desk
from watchdog.daemon.ending import end_rest
from watchdog.daemon.judging import taken_up
from watchdog.daemon.looking import Looker
from watchdog.daemon.preparing import Preparer
from watchdog.daemon.reacting import schema_changed
from watchdog.daemon.tools import Command
from watchdog.deploy.caller import Caller
from watchdog.deploy.command import shown
from watchdog.deploy.deployment import Deployment, Kind, Phase
from watchdog.errors import Refused, WatchdogError
from watchdog.health.window import Progress
from watchdog.stack import Release

ADOPTION_SLACK = timedelta(seconds=15)
"""Beyond min_healthy_time: a round of checks or two."""
NOTHING_CHANGED = "it changed neither containers nor schema, so there is nothing to roll back"
TIMED_OUT = 124
"""The exit code of timeout(1)."""


class Announcement:
    """One `ops-watchdog deploy`. `allowed` is False for `--no-rollback`."""

    def __init__(
        self,
        desk: Desk,
        looker: Looker,
        preparer: Preparer,
        command: Command,
        allowed: bool,
        terminal: Caller | None,
        write_backup: Callable[[str], Awaitable[Backup]],
    ) -> None:
        self._desk = desk
        self._looker = looker
        self._preparer = preparer
        self._command = command
        self._allowed = allowed
        self._terminal = terminal
        self._superseded: Deployment | None = None
        self._backup: Backup | None = None
        self._ran: frozenset[str] = frozenset()
        self._write_backup = write_backup

    async def run(self) -> Deployment:
        """Under the stack's lock. Returns the deployment with its command ended, not yet judged."""
        desk = self._desk
        await self._looker.look_now()
        started = any(not container.one_off for container in desk.watch.containers)
        backup = await self._backup_before() if started else None
        if reasons := await why_unarmed(desk):
            desk.tell("not_protected", reason="; ".join(reasons))
        deployment = await desk.ask(lambda: self._open(backup))
        try:
            self._preparer.start(backup, deployment)
            desk.tell("deployment_started", deployment=deployment.id, command=list(shown(self._command.argv)))
            code, why = await self._run_command(deployment)
            return await desk.ask(lambda: self._command_ended(code, why))
        finally:
            desk.work.announced = False  # also where its end could not be written: what changes now is news

    async def end_command(self) -> None:
        """The verdict fell while it runs, or it is over already: either way nothing of it is left."""
        if self._desk.work.commanding:
            await self._command.end()

    async def _run_command(self, deployment: Deployment) -> tuple[int, str]:
        """Its exit code, and a reason where it did not end by itself. Of one that failed nothing is left."""
        self._desk.work.commanding = True
        try:
            code, why = await self._until_ended(deployment)
            if code:
                await end_rest(self._desk, deployment)
            return code, why
        finally:
            self._desk.work.commanding = False

    async def _until_ended(self, deployment: Deployment) -> tuple[int, str]:
        limit = self._desk.tools.settings.deployment.command_timeout
        try:
            async with asyncio.timeout(limit.total_seconds()):
                return await self._command.run(deployment.id), ""
        except TimeoutError:
            await self._command.end()
            return TIMED_OUT, f"the deployment command did not end within {limit} and was ended"
        except WatchdogError as error:
            await self._command.end()  # it may run although its client makes no sense
            return TIMED_OUT, str(error)

    async def _backup_before(self) -> Backup | None:
        """Without proof of what runs there is nothing to come back to: say so before, not after."""
        desk = self._desk
        if desk.watch.release is None and self._allowed:
            raise Refused(
                f"what runs cannot be captured: {desk.watch.uncaptured}. A rollback could not bring it "
                f"back; bring files and containers together ('docker compose up -d' with the old files), or "
                f"deploy unprotected with --no-rollback"
            )
        if self._allowed and desk.watch.good is None:
            await self._until_adopted()
        return await self._write_backup("before deployment")

    async def _until_adopted(self) -> None:
        """Only a release that was seen healthy is a target: give what runs the time to show it."""
        desk = self._desk
        wanted = desk.tools.settings.deployment.min_healthy_time
        desk.tell("waiting_until_green", seconds=wanted.total_seconds())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout((wanted + ADOPTION_SLACK).total_seconds()):
                await desk.adopted.wait()

    async def _open(self, backup: Backup | None) -> Deployment:
        desk, watch = self._desk, self._desk.watch
        now = desk.tools.hands.clock.now()
        superseded = watch.deployment
        self._superseded, self._backup = superseded, backup
        self._ran = frozenset(c.id for c in watch.containers if c.running)
        deployment = Deployment(
            id=await free_name(desk, now),
            stack=desk.name,
            kind=Kind.ANNOUNCED,
            phase=Phase.DEPLOYING,
            started_at=now,
            command=shown(self._command.argv),
            caller=self._terminal,
            from_fingerprint=watch.fingerprint,
            target_release=watch.target(desk.tools.settings.stack),
            backup=backup.timestamp if backup and _is_of(backup, watch.good) else None,
            baseline=watch.baseline(),
            **baselines(desk, watch.containers, superseded, now),
            expected=superseded.expected if superseded else watch.running_services(),
            allowed=self._allowed,
        )
        closing = [replace(superseded, phase=Phase.SUPERSEDED, ended_at=now)] if superseded else []
        await desk.open(deployment, deployment, *closing)
        self._desk.work.announced = True
        return deployment

    async def _command_ended(self, code: int, why: str) -> Deployment:
        """Runs in the guard's task, which judges right after it."""
        desk, watch = self._desk, self._desk.watch
        now = desk.tools.hands.clock.now()
        deployment = watch.deployment
        if deployment is None or deployment.kind is not Kind.ANNOUNCED:
            raise WatchdogError("the deployment was closed while its command ran; see 'ops-watchdog status'")
        deployment = replace(deployment, command_ended_at=now, exit_code=code)
        if deployment.phase is Phase.DEPLOYING:
            deployment = replace(deployment, phase=Phase.MONITORING)
        if why:
            deployment = replace(deployment, reasons=(*deployment.reasons, why))
        await self._looker.look()
        desk.tell("command_ended", deployment=deployment.id, exit_code=code)
        if code and deployment.phase is Phase.MONITORING and not await self._changed_something(deployment):
            return await self._changed_nothing(deployment, why or f"the command exited with code {code}")
        watch.deployment = deployment
        await desk.take_for_granted(deployment)
        self._desk.work.announced = False
        self._preparer.tidy()
        if self._superseded:
            desk.settle(self._superseded.id, "superseded")
        return deployment

    async def _changed_something(self, deployment: Deployment) -> bool:
        """Containers, or the schema: what a command that failed may have left behind."""
        watch = self._desk.watch
        running = frozenset(c.id for c in watch.containers if c.running)
        if not watch.reachable or running != self._ran or watch.fingerprint != deployment.from_fingerprint:
            return True
        if self._backup is None or not self._desk.tools.settings.stack.databases:
            return False
        return await schema_changed(self._desk.tools, self._backup)

    async def _changed_nothing(self, deployment: Deployment, why: str) -> Deployment:
        """A mistyped command is no release: what was judged before is judged on."""
        desk, before = self._desk, self._superseded
        now = desk.tools.hands.clock.now()
        ended = replace(deployment, phase=Phase.FAILED, ended_at=now, reasons=(why, NOTHING_CHANGED))
        text = f"{why}\n{NOTHING_CHANGED}"
        told = alert(desk.name, Level.WARNING, "deployment command failed", text, now)
        await desk.take_for_granted(ended, told, *([before] if before else []))
        desk.watch.deployment, desk.watch.progress = before, taken_up(before) if before else Progress()
        self._desk.work.announced = False
        self._preparer.tidy(gone=self._backup.timestamp if self._backup else "")
        desk.tools.outbox.wake()
        desk.tell("not_rolled_back", deployment=ended.id, reason=f"{why}; {NOTHING_CHANGED}")
        desk.settle(ended.id, "failed")
        return ended


def _is_of(backup: Backup, release: Release | None) -> bool:
    made_of = backup.release
    return made_of is not None and release is not None and made_of.fingerprint == release.fingerprint
