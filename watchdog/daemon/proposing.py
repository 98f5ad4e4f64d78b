"""Rollbacks that wait for a person: proposed, approved or rejected, expired, or overtaken by events.

While a proposal is open its deployment is not closed, though failed: a second one supersedes it as ever.
Everything here runs in the guard's own task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from watchdog.alert.alert import Level
from watchdog.daemon.desk import Desk
from watchdog.daemon.leaving import leave
from watchdog.daemon.reacting import due
from watchdog.daemon.trusting import Trust
from watchdog.deploy.deployment import Deployment, Phase
from watchdog.errors import Busy, Refused
from watchdog.rollback.operate import Request
from watchdog.rollback.operation import KEEPS_DATABASE
from watchdog.rollback.proposal import Decision, Proposal, wanted

AWAITING = "awaiting approval"
"""How a deployment ended for whoever waits for it, as `deploy` prints it."""

Wanted = tuple[str, str | None, str]


class Proposals:
    """Of one guard. The open one is in its memory."""

    def __init__(self, desk: Desk, trust: Trust) -> None:
        self._desk = desk
        self._trust = trust

    async def propose(self, deployment: Deployment, request: Request, lines: Sequence[str]) -> None:
        """Ask for approval: the row, the alert and the line of the story are one transaction."""
        desk, now = self._desk, self._now
        expires = now + desk.tools.settings.rollback.approve_within
        release, backup, plan = what(request)
        proposal = Proposal(deployment.id, desk.name, now, expires, release, backup, plan, deployment.reasons)
        text = [*deployment.reasons, *lines, *self._how(request, expires)]
        noted = desk.noted("decision", f"proposed: to release {release} ({plan})", deployment.id)
        title = "deployment failed: a rollback waits for approval"
        await desk.alert(Level.CRITICAL, title, "\n".join(text), proposal, noted)
        desk.watch.proposal = proposal
        desk.tell(
            "rollback_proposed", deployment=deployment.id, release=release, expires_at=expires.isoformat()
        )
        desk.settle(deployment.id, AWAITING)

    def _how(self, request: Request, expires: datetime) -> list[str]:
        name, backup = self._desk.name, request.target.backup
        lines = [
            f"To do it: ops-watchdog approve --stack {name}",
            f"To leave it: ops-watchdog abort --stack {name}",
            f"It expires at {expires:%Y-%m-%d %H:%M} UTC; then nothing is done.",
        ]
        if backup is not None and request.plan not in KEEPS_DATABASE:
            until = backup.at + self._desk.tools.settings.rollback.max_data_loss
            if until < expires:
                lines.append(f"The database goes back with it until {until:%H:%M} UTC (max_data_loss).")
        return lines

    async def waits(self, deployment: Deployment) -> bool:
        """Whether this failed deployment is in a person's hands, or was until just now: its time is over."""
        proposal = self._desk.watch.proposal
        if proposal is None or proposal.deployment != deployment.id:
            return False
        if not proposal.open(self._now):
            why = f"nobody approved it until {proposal.expires_at:%Y-%m-%d %H:%M} UTC"
            by_hand = f"To do it all the same: ops-watchdog rollback --stack {self._desk.name}"
            expired = self._decided(proposal, Decision.EXPIRED, "", why)
            await leave(self._desk, self._trust, deployment, why, [by_hand], [expired])
        return True

    async def see_to(self) -> None:
        """After each message: a proposal whose deployment was overtaken is withdrawn."""
        proposal, deployment = self._desk.watch.proposal, self._desk.watch.deployment
        if proposal is not None and (deployment is None or deployment.id != proposal.deployment):
            await self._withdraw(proposal, "another deployment or rollback came first")

    async def fitting(self) -> Request:
        """What would be done now, decided anew; `Refused` where nothing waits or nothing is possible."""
        deployment, _ = await self._waiting()
        return await due(self._desk.tools, self._desk.watch, deployment)

    async def approve(self, actor: str, shown: Wanted | None) -> Request:
        """Take the proposal: what is to be carried out, decided anew, in the person's name.

        `shown`: what the person saw; None where it is the proposal itself. The world may have changed since:
        what does not fit any more is withdrawn, and what is due then is proposed anew.
        """
        desk = self._desk
        deployment, proposal = await self._waiting()
        if desk.work.busy:
            raise Busy(f"{desk.name} is busy: '{desk.work.doing}'; approve again when that has ended")
        try:
            request = await due(desk.tools, desk.watch, deployment)
        except Refused as error:
            await self._withdraw(proposal, str(error))
            raise Refused(f"the proposal does not fit any more and was withdrawn: {error}") from error
        if what(request) != (shown or proposal.wanted):
            release, backup, plan = what(request)
            other = (
                f"what is due now is another rollback: to release {release}, {backup or 'no backup'} ({plan})"
            )
            await self._withdraw(proposal, other)
            raise Refused(f"{other}; look at it and approve that one")
        approved = self._decided(proposal, Decision.APPROVED, actor, "")
        noted = desk.noted("decision", f"approved by {actor}", deployment.id)
        await desk.tools.ledger.write(approved, noted)
        desk.watch.deployment = desk.watch.proposal = None
        desk.work.decided = True
        desk.tell("rollback_approved", deployment=deployment.id, actor=actor)
        return replace(request, actor=actor, reasons=(*request.reasons, f"approved by {actor}"))

    async def give_back(self, deployment: Deployment | None) -> None:
        """Approved, but somebody else's operation was quicker: it waits again, as it did."""
        proposal = await self._desk.tools.ledger.proposal(deployment.id) if deployment else None
        if proposal is None or self._desk.watch.deployment is not None:
            return
        again = replace(proposal, decision=Decision.OPEN, decided_at=None, actor="")
        await self._desk.tools.ledger.write(again)
        self._desk.watch.deployment, self._desk.watch.proposal = deployment, again

    async def reject(self, actor: str, reason: str) -> Proposal:
        """A person decided against it: the deployment stays as it is."""
        deployment, proposal = await self._waiting()
        why = f"{actor} decided against it" + (f": {reason}" if reason else "")
        aborted = self._decided(proposal, Decision.ABORTED, actor, reason)
        await leave(self._desk, self._trust, deployment, why, records=[aborted], level=Level.WARNING)
        return aborted

    async def _waiting(self) -> tuple[Deployment, Proposal]:
        proposal, deployment = self._desk.watch.proposal, self._desk.watch.deployment
        if proposal is None or deployment is None or deployment.phase is not Phase.FAILED:
            raise Refused(await self._why_none())
        if not proposal.open(self._now):
            raise Refused(f"the proposal expired at {proposal.expires_at:%Y-%m-%d %H:%M} UTC")
        return deployment, proposal

    async def _why_none(self) -> str:
        """A person comes late more often than for nothing."""
        ledger, name = self._desk.tools.ledger, self._desk.name
        newest = await ledger.deployments(name, limit=1)
        last = await ledger.proposal(newest[0].id) if newest else None
        if last is None or last.decision is Decision.OPEN:
            return f"no rollback of {name} waits for approval ('ops-watchdog status')"
        why = f": {last.reason}" if last.reason else ""
        return (
            f"no rollback of {name} waits for approval: that of deployment {last.deployment} is "
            f"{last.decision}{why}; 'ops-watchdog rollback --stack {name}' is not bound to a proposal"
        )

    async def _withdraw(self, proposal: Proposal, why: str) -> None:
        noted = self._desk.noted("decision", f"proposal withdrawn: {why}", proposal.deployment)
        withdrawn = self._decided(proposal, Decision.WITHDRAWN, "", why)
        await self._desk.tools.ledger.write(withdrawn, noted)
        self._desk.watch.proposal = None
        self._desk.tell("proposal_withdrawn", deployment=proposal.deployment, reason=why)

    def _decided(self, proposal: Proposal, decision: Decision, actor: str, reason: str) -> Proposal:
        return replace(proposal, decision=decision, decided_at=self._now, actor=actor, reason=reason)

    @property
    def _now(self) -> datetime:
        return self._desk.tools.hands.clock.now()


def what(request: Request) -> Wanted:
    """What a person is asked about, as the proposal has it."""
    backup = request.target.backup
    return wanted(request.target.release.id, backup.timestamp if backup else None, request.plan)
