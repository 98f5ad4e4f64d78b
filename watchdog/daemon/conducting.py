"""The conductor: what a guard does over time, as child tasks beside its inbox.

Announced deployments, backups, and what follows from a failed deployment; one at a time per stack, each under
the stack's lock. Children change the guard's memory only through `Desk.ask`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from watchdog.backup.backup import Backup
from watchdog.daemon.announcing import Announcement
from watchdog.daemon.desk import Desk
from watchdog.daemon.foretelling import foretell
from watchdog.daemon.leaving import leave
from watchdog.daemon.looking import Looker
from watchdog.daemon.maintenance import PageKeeper
from watchdog.daemon.preparing import Preparer
from watchdog.daemon.proposing import Proposals
from watchdog.daemon.reacting import Reaction, react
from watchdog.daemon.rollbacks import PAUSE, Rollbacks
from watchdog.daemon.tools import Command
from watchdog.daemon.trusting import Trust
from watchdog.deploy.caller import Caller
from watchdog.deploy.command import shown
from watchdog.deploy.deployment import Deployment, Phase
from watchdog.errors import Busy
from watchdog.rollback.course import Course
from watchdog.rollback.operate import Request
from watchdog.rollback.prospect import command as by_hand


class Conductor:
    """Conducts what takes time for one guard."""

    def __init__(
        self,
        desk: Desk,
        looker: Looker,
        preparer: Preparer,
        trust: Trust,
        rollbacks: Rollbacks,
        proposals: Proposals,
        page: PageKeeper,
    ) -> None:
        self._desk = desk
        self._looker = looker
        self._preparer = preparer
        self._trust = trust
        self._rollbacks = rollbacks
        self._proposals = proposals
        self._page = page
        self._announcement: Announcement | None = None
        self._weighed = ""

    async def backup(self, reason: str) -> Backup:
        """A backup of what runs now, wanted by a person or by the schedule."""
        made: Backup = await self._desk.work.run("backup", self.write_backup(reason))
        return made

    async def write_backup(self, reason: str) -> Backup:
        """As `backup`, for who holds the lock already."""
        desk = self._desk
        await self._looker.look_now()
        release, containers = desk.watch.release, desk.watch.containers
        backup = await desk.tools.make_backup(
            release, containers, reason, lambda text: desk.tell("backup_progress", text=text)
        )
        desk.tell("backup_written", backup=backup.timestamp, reason=reason)
        return backup

    async def deploy(self, command: Command, allowed: bool, terminal: Caller | None = None) -> dict[str, Any]:
        """An announced deployment: backup, command, and the wait until it is healthy or dealt with."""
        work = self._announce(command, allowed, terminal)
        deployment = await self._desk.work.run(f"deploy {' '.join(shown(command.argv))}", work)
        await self._desk.ask(self.follow_up)
        state = await self._desk.settled(deployment.id)
        self._page.see_to()  # a process that ends with this command must not leave the page behind
        return {"deployment": deployment.id, "state": state, "backup": deployment.backup}

    async def _announce(self, command: Command, allowed: bool, terminal: Caller | None) -> Deployment:
        self._announcement = Announcement(
            self._desk, self._looker, self._preparer, command, allowed, terminal, self.write_backup
        )
        try:
            return await self._announcement.run()
        finally:
            self._announcement = None

    async def failed(self, deployment: Deployment, reasons: tuple[str, ...]) -> None:
        """The verdict fell. The command and all that it started end before anything else happens."""
        desk = self._desk
        if deployment.phase is not Phase.FAILED:
            every = tuple(dict.fromkeys((*deployment.reasons, *reasons)))
            deployment = replace(
                deployment, phase=Phase.FAILED, reasons=every, to_fingerprint=desk.watch.fingerprint
            )
            desk.watch.deployment = deployment
            await desk.tools.ledger.write(deployment)
            desk.tell("deployment_failed", deployment=deployment.id, reasons=list(every))
            if self._announcement is not None:
                desk.work.keep(self._announcement.end_command())
        await self.follow_up()

    async def follow_up(self) -> None:
        """React to a failed deployment once nothing of ours is at work any more, and Docker can be asked."""
        desk = self._desk
        deployment = desk.watch.deployment
        if deployment is None or deployment.phase is not Phase.FAILED:
            return
        if desk.work.busy or desk.work.decided or not desk.watch.reachable or self._weighed == deployment.id:
            return
        if await self._proposals.waits(deployment):
            return
        reaction = await react(desk.tools, desk.watch, deployment)
        if reaction.request is None:
            await leave(desk, self._trust, deployment, reaction.refusal)
        elif reaction.course is Course.ROLL_BACK:
            await self._decide(deployment, reaction.request)
        else:
            self._weighed = deployment.id
            desk.work.keep(self._weigh(deployment, reaction, reaction.request))

    async def _decide(self, deployment: Deployment, request: Request) -> None:
        desk, release = self._desk, request.target.release.id
        text = f"roll back to release {release} ({request.plan})"
        await desk.tools.ledger.write(desk.noted("decision", text, deployment.id))
        desk.watch.deployment = None
        desk.work.decided = True
        desk.tell("rollback_decided", deployment=deployment.id, release=release)
        desk.work.keep(self._roll_back(deployment, request))

    async def _weigh(self, deployment: Deployment, reaction: Reaction, request: Request) -> None:
        """Counting what would be displaced takes its time, and the inbox must not wait for it."""
        try:
            lines = await foretell(self._desk.tools, request)
            await self._desk.ask(lambda: self._tell(deployment, reaction, request, lines))
        finally:
            self._weighed = ""

    async def _tell(
        self, deployment: Deployment, reaction: Reaction, request: Request, lines: tuple[str, ...]
    ) -> None:
        """In the guard's task. Something else may have come first meanwhile."""
        desk, current = self._desk, self._desk.watch.deployment
        if current is None or current.id != deployment.id or current.phase is not Phase.FAILED:
            return
        if reaction.course is Course.PROPOSE:
            await self._proposals.propose(current, request, lines)
        else:
            how = f"To do it: {by_hand(request, desk.name)}"
            await leave(desk, self._trust, current, reaction.refusal, [*lines, how])

    async def _roll_back(self, deployment: Deployment, request: Request) -> None:
        """Where something else was quicker, decide anew once it has ended: nothing is dropped."""
        try:
            await self._rollbacks.see_through(deployment.id, self._rollbacks.carry_out(request))
        except Busy as error:
            self._desk.tell("rollback_waits", deployment=deployment.id, reason=str(error))
            await self._desk.ask(lambda: self._take_back(deployment))
            await self._desk.tools.hands.clock.sleep(PAUSE)
        finally:
            self._desk.work.decided = False

    async def _take_back(self, deployment: Deployment) -> None:
        """At once: what is deployed before it is decided anew supersedes it like any other."""
        if self._desk.watch.deployment is None:
            self._desk.watch.deployment = deployment
