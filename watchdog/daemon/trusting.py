"""When a release becomes the last known good, and when it ceases to be.

Adopted at the first start, or healthy through its window; until a person rolls back from it. Called by the
guard on each verdict, and after each rollback.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from watchdog.alert.alert import Level, alert
from watchdog.daemon.desk import Desk
from watchdog.daemon.judging import migrating, over
from watchdog.daemon.looking import Looker
from watchdog.daemon.preparing import Preparer
from watchdog.deploy.deployment import Deployment, Phase
from watchdog.health.verdict import Outcome, Verdict
from watchdog.health.window import Progress
from watchdog.rollback.ledger import Mark, Record, Standing
from watchdog.rollback.operation import Operation
from watchdog.rollback.operation import Outcome as Ended
from watchdog.stack import Release

GRACE = timedelta(minutes=1)
"""Beyond the last deadline of a window: a verdict that falls due then must still count."""


class Trust:
    """Of one guard: which release is the last known good."""

    def __init__(self, desk: Desk, looker: Looker, preparer: Preparer) -> None:
        self._desk = desk
        self._looker = looker
        self._preparer = preparer

    async def adopt(self, found: Verdict) -> None:
        """First start: what runs is the last known good release once it has been green long enough."""
        watch = self._desk.watch
        if found.outcome is Outcome.FAILED:
            watch.adopting_since, watch.progress = None, Progress()
        elif found.outcome is Outcome.HEALTHY and watch.release is not None and self._captured:
            await self._mark_good(watch.release, "adopted: green since first seen")

    async def healthy(self, deployment: Deployment, now: datetime) -> None:
        """The verdict of an open deployment: whoever waits may go on; once the window is over it is good.

        Where what runs has just changed, its capture is waited for: it becomes good, not the one before it.
        """
        if deployment.healthy_at is None:
            deployment = replace(deployment, healthy_at=now)
            await self._desk.tools.ledger.write(deployment)
            self._desk.watch.deployment = deployment
            self._desk.tell("deployment_healthy", deployment=deployment.id)
            self._desk.settle(deployment.id, "healthy")
        if self._closes(deployment, now):
            await self._close(deployment, now)

    def _closes(self, deployment: Deployment, now: datetime) -> bool:
        policy = self._desk.tools.settings.deployment
        return over(deployment, policy, now) and (self._captured or over(deployment, policy, now - GRACE))

    @property
    def _captured(self) -> bool:
        """The newest capture is of what runs now."""
        release = self._desk.watch.release
        return release is not None and release.fingerprint == self._desk.watch.fingerprint

    def news(self, deployment: Deployment | None, now: datetime) -> bool:
        """Being healthy now decides something: what runs is adopted, whoever waits goes on, a window ends."""
        if deployment is None:
            return self._desk.watch.release is not None
        return deployment.healthy_at is None or self._closes(deployment, now)

    def lapsed(self, deployment: Deployment, found: Verdict, now: datetime) -> bool:
        """Its window is over, and so is the time in which a deadline could be missed: nothing acts any more.

        What is not healthy but may become so gets the chance again where the daemon was away meanwhile. What
        a migration holds up waits as long as a deployment's command may take.
        """
        policy, ended = self._desk.tools.settings.deployment, deployment.judged_from
        longest = max(policy.monitor, policy.healthy_deadline + policy.min_healthy_time) + GRACE
        if migrating(self._desk.watch, self._desk.tools.settings):
            longest += policy.command_timeout
        if ended is None or now - ended < longest:
            return False
        return found.outcome is Outcome.FAILED or now - self._desk.began_at >= policy.min_healthy_time + GRACE

    async def undecided(self, deployment: Deployment, found: Verdict, now: datetime) -> None:
        """Neither good nor failed when its time was over: a person is told; what runs may be adopted."""
        reasons = found.reasons
        ended = replace(deployment, phase=Phase.UNDECIDED, ended_at=now, reasons=reasons)
        title = "the window of a deployment ended undecided; nothing is rolled back"
        told = alert(self._desk.name, Level.WARNING, title, "\n".join(reasons), now)
        await self._desk.take_for_granted(ended, told, lost=True)
        self._desk.watch.deployment, self._desk.watch.progress = None, Progress()
        self._preparer.tidy()
        self._desk.tell("deployment_undecided", deployment=deployment.id, reasons=list(reasons))
        self._desk.tools.outbox.wake()
        self._desk.settle(deployment.id, "undecided")

    async def _close(self, deployment: Deployment, now: datetime) -> None:
        """What cannot be brought back, or was red all along, is no target; nor is what was before it."""
        watch = self._desk.watch
        ended = replace(deployment, phase=Phase.GOOD, ended_at=now, to_fingerprint=watch.fingerprint)
        if watch.release is None or not self._captured or watch.red(self._desk.tools.settings.checks):
            await self._desk.take_for_granted(ended, lost=True)
        else:
            await self._mark_good(watch.release, f"healthy through the window of {deployment.id}", ended)
        watch.deployment, watch.progress = None, Progress()
        self._preparer.tidy()
        self._desk.tell("deployment_good", deployment=deployment.id)

    async def _mark_good(self, release: Release, reason: str, *records: Record) -> None:
        now = self._desk.tools.hands.clock.now()
        mark = Mark(self._desk.name, release.fingerprint, Standing.GOOD, now, reason, release.parts)
        await self._desk.take_for_granted(mark, *records, good=release)
        self._desk.adopted.set()
        self._desk.tell("release_good", release=release.id, reason=reason)

    async def after_rollback(self, operation: Operation) -> None:
        """A refused one touched nothing: an open window goes on, a failed one is over. Else none is open."""
        ledger, watch = self._desk.tools.ledger, self._desk.watch
        await self._looker.look()
        records: list[Record] = []
        failed = await ledger.deployment(operation.deployment) if operation.deployment else None
        if operation.outcome is not Ended.REFUSED:
            watch.deployment = None
        elif failed is not None and failed.phase is Phase.FAILED:
            records.append(replace(failed, ended_at=operation.ended_at))
            watch.deployment = None
        target = await ledger.release(operation.target_release)
        marks = self._marks(operation, target)
        await self._desk.take_for_granted(*records, *marks, lost=self._loses_trust(operation, target))
        self._preparer.tidy()

    def _loses_trust(self, operation: Operation, target: Release | None) -> bool:
        """Another release than the good one runs now, or may: it has to show itself before it is a target."""
        good = self._desk.watch.good
        if good is None or target is None or operation.outcome not in {Ended.SUCCEEDED, Ended.HELD}:
            return False
        return good.fingerprint != target.fingerprint

    def _marks(self, operation: Operation, target: Release | None) -> list[Record]:
        """What a person rolled back from is no target any more; what an undo brought back failed no more."""
        good, now = self._desk.watch.good, self._desk.tools.hands.clock.now()
        if operation.outcome is not Ended.SUCCEEDED or target is None or operation.keeps_release:
            return []
        if operation.undoes is not None:
            reason = f"{operation.undoes} undone by {operation.actor}"
            return [Mark(self._desk.name, target.fingerprint, Standing.CLEARED, now, reason, target.parts)]
        if good is None or good.fingerprint == target.fingerprint:
            return []
        reason = f"rolled back by {operation.actor}"
        return [Mark(self._desk.name, good.fingerprint, Standing.FAILED, now, reason, good.parts)]

    def failed(self, deployment: Deployment, now: datetime) -> list[Record]:
        """What runs is no target any more, unless it ran before: a mistyped command proves nothing."""
        running, good = self._desk.watch.fingerprint, self._desk.watch.good
        if running == deployment.from_fingerprint or (good and running == good.fingerprint):
            return []
        reason, made = "; ".join(deployment.reasons), self._desk.watch.parts
        return [Mark(self._desk.name, running, Standing.FAILED, now, reason, made)]
