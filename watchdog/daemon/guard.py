"""The guard: one task per stack, the only owner of that stack's state.

Sources put frozen messages into its inbox. It looks at what runs, asks a pure function for the verdict, and
has the conductor start what follows as a child task, so that the inbox stays alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from watchdog.alert.alert import Level
from watchdog.daemon import checking
from watchdog.daemon.aftercare import Aftercare
from watchdog.daemon.alarming import Alarming
from watchdog.daemon.capturing import Capturer
from watchdog.daemon.conducting import Conductor
from watchdog.daemon.damping import Damper
from watchdog.daemon.desk import Desk
from watchdog.daemon.judging import judge, kept
from watchdog.daemon.looking import Looker
from watchdog.daemon.maintenance import PageKeeper
from watchdog.daemon.messages import Call, Hint, Message, Probed, Tick
from watchdog.daemon.noting import Notes
from watchdog.daemon.preparing import Preparer
from watchdog.daemon.proposing import Proposals
from watchdog.daemon.readiness import Readiness
from watchdog.daemon.recalling import Recaller
from watchdog.daemon.remedying import Remedying
from watchdog.daemon.remembering import notice_lost_command, remember
from watchdog.daemon.rollbacks import Rollbacks
from watchdog.daemon.suspending import Suspender
from watchdog.daemon.tools import Tools
from watchdog.daemon.trusting import Trust
from watchdog.daemon.watch import Watch, carried_over, unknown
from watchdog.deploy.deployment import Deployment, Phase
from watchdog.errors import WatchdogError
from watchdog.health.check import Sample
from watchdog.health.verdict import Outcome, Verdict
from watchdog.stack import Event

log = structlog.get_logger(__name__)

RECONCILE = timedelta(seconds=30)
"""Events are hints: look again this often even if none came (design rule 6)."""
FRESH = timedelta(seconds=1)
"""Nothing is called good by an older look."""
TICK = timedelta(milliseconds=250)
"""While a window is open: how late a deadline may be noticed."""
RETRY = timedelta(seconds=1)
OWN_ERROR = "ops-watchdog met an error of its own"


class Guard:
    """Guards one stack, with its colleagues around one desk. `run` is its task."""

    def __init__(self, tools: Tools, acts: bool = True) -> None:
        """`acts` False: only looks and answers, for a command that shall change nothing."""
        self.acts = acts
        self.desk = Desk(tools)
        self.capturer = Capturer(self.desk)
        self.looker = Looker(self.desk, self.capturer)
        self.preparer = Preparer(self.desk)
        self.aftercare = Aftercare(self.desk)
        self.alarming = Alarming(self.desk)
        self.remedying = Remedying(self.desk, self.looker)
        self.readiness = Readiness(self.desk)
        self.recaller = Recaller(self.desk)
        self.notes = Notes(self.desk)
        self.trust = Trust(self.desk, self.looker, self.preparer)
        self.proposals = Proposals(self.desk, self.trust)
        self.suspender = Suspender(self.desk)
        self.page = PageKeeper(self.desk)
        self.rollbacks = Rollbacks(self.desk, self.looker, self.trust, self.aftercare, self.page)
        self.conductor = Conductor(
            self.desk,
            self.looker,
            self.preparer,
            self.trust,
            self.rollbacks,
            self.proposals,
            self.page,
        )
        self._progressed_at = tools.hands.clock.monotonic()
        self._faults: set[str] = set()
        self._damper = Damper(tools.hands.clock)

    @property
    def name(self) -> str:
        return self.desk.name

    @property
    def tools(self) -> Tools:
        return self.desk.tools

    @property
    def watch(self) -> Watch:
        return self.desk.watch

    @property
    def idle(self) -> timedelta:
        """How long nothing was handled, not even a tick."""
        return timedelta(seconds=self.tools.hands.clock.monotonic() - self._progressed_at)

    async def reconfigure(self, tools: Tools) -> None:
        """Other checks and policies from now on; the state of a check that stays is kept.

        A check that is new during a window has no baseline: it says nothing about that deployment.
        """
        moved = tools.settings.stack != self.tools.settings.stack
        fresh = unknown(self.watch.checks, tools.settings.checks)
        self.desk.tools = tools
        self.watch.checks = carried_over(self.watch.checks, tools.settings.checks)
        if (deployment := self.watch.deployment) is not None and fresh:
            self.watch.deployment = replace(deployment, baseline_red=deployment.baseline_red | fresh)
            await tools.ledger.write(self.watch.deployment)
        self.looker.adapt()
        if moved:
            self.capturer.soon()

    async def run(self) -> None:
        """Until cancelled. A failure in one message is alerted; the next is handled all the same."""
        structlog.contextvars.bind_contextvars(stack=self.name)
        while not await self._survive(self._remember):
            self.desk.refuse_waiting()
            await self.tools.hands.clock.sleep(RETRY)
        if self.acts:
            await self._survive(self.rollbacks.recover)
        await self._survive(partial(self._handle, [Tick()]))
        while True:
            messages = await self._next()
            self._progressed_at = self.tools.hands.clock.monotonic()
            await self._survive(partial(self._handle, messages))

    async def _remember(self) -> None:
        await remember(self.desk)
        await self.alarming.remember()
        await self.remedying.remember()

    async def stop(self) -> None:
        """Cut what is under way, before the guard's own task is cancelled."""
        await self.capturer.stop()
        await self.preparer.stop()
        await self.aftercare.stop()
        await self.readiness.stop()
        await self.desk.work.cut()

    async def _next(self) -> list[Message]:
        """Everything that waits, or a tick."""
        pause = TICK if self.watch.deployment or self.watch.good is None else RECONCILE
        pause = min(pause, self.alarming.pause or pause, self.suspender.pause or pause)
        try:
            async with asyncio.timeout(pause.total_seconds()):
                return await self.desk.messages()
        except TimeoutError:
            return [Tick()]

    async def _survive(self, function: Callable[[], Awaitable[None]]) -> bool:
        """False where it failed. An error of ours is logged each time, and alerted once."""
        try:
            await function()
        except WatchdogError as error:
            if self._damper.is_news(reason := str(error)):
                log.warning("guard_message_failed", reason=reason)
            return False
        except Exception as error:  # this loop must survive: a dead guard protects nobody
            log.exception("guard_failed")
            if (fault := repr(error)) not in self._faults:
                self._faults.add(fault)
                await self._survive(partial(self.desk.alert, Level.CRITICAL, OWN_ERROR, type(error).__name__))
            return False
        return True

    async def _handle(self, messages: list[Message]) -> None:
        """Each message by itself, so that one that fails takes no other with it; then look and judge.

        Answers of checks are counted together: a thousand that turn at once are one transaction.
        """
        if samples := [message.sample for message in messages if isinstance(message, Probed)]:
            await self._survive(partial(self._count, samples))
        for message in messages:
            await self._survive(partial(self._receive, message))
        if self._stale() or any(isinstance(m, Hint) for m in messages) or self._would_decide():
            await self.looker.look()
        await self._survive(self._judge)
        if self.acts:
            await self._survive(self.suspender.expire)
            await self._survive(self.proposals.see_to)
            self.page.see_to()
            await self._survive(self.alarming.review)
            self.remedying.consider()
            self.readiness.consider()

    async def _receive(self, message: Message) -> None:
        match message:
            case Hint(event):
                self._note(event)
            case Call(function, reply):
                await self._answer(function, reply)

    async def _count(self, samples: Sequence[Sample]) -> None:
        if await checking.count(self.desk, samples):
            self.alarming.turned()

    def _note(self, event: Event) -> None:
        if event.asks_to_stop:
            self.watch.stopped.add(event.container)
        elif event.action == "start":
            self.watch.stopped.discard(event.container)
        elif event.action.startswith("health_status") and self.desk.asker is not None:
            self.desk.asker.turned(event.service)

    async def _answer(self, function: Callable[[], Awaitable[Any]], reply: asyncio.Future[Any]) -> None:
        try:
            result = await function()
        except Exception as error:
            if not reply.done():  # whoever asked must not wait for ever
                reply.set_exception(error)
            if not isinstance(error, WatchdogError):
                raise
        else:
            if not reply.done():
                reply.set_result(result)

    def _stale(self) -> bool:
        return self._looked_before(RECONCILE)

    def _looked_before(self, age: timedelta) -> bool:
        looked = self.watch.looked_at
        return looked is None or self.tools.hands.clock.monotonic() - looked >= age.total_seconds()

    def _would_decide(self) -> bool:
        """Nobody is judged by an old look, for good or ill: events are hints, inspect is truth."""
        deployment = self.watch.deployment
        if not self._judges or (deployment is not None and not deployment.open):
            return False
        now = self.tools.hands.clock.now()
        outcome = judge(self.watch, self.tools.settings, now).outcome
        if outcome is Outcome.HEALTHY:  # each look at what cannot be captured has it captured anew
            return self._looked_before(FRESH) and self.trust.news(deployment, now)
        return outcome is Outcome.FAILED

    async def _judge(self) -> None:
        """Ask for the verdict where there is something to judge: a deployment, or the first release."""
        if not self._judges:
            return
        await notice_lost_command(self.desk)
        deployment = self.watch.deployment
        if deployment is not None and deployment.phase is Phase.FAILED:
            await self.conductor.follow_up()
            return
        now = self.tools.hands.clock.now()
        self.watch.adopting_since = self.watch.adopting_since or now
        await self.recaller.recall(deployment)
        found = judge(self.watch, self.tools.settings, now)
        self.watch.progress = found.progress
        deployment = await self._keep_progress(deployment)
        line = self.notes.of(found, deployment)
        await self._follow(deployment, found, now)
        if line is not None:
            await self.tools.ledger.write(line)

    async def _keep_progress(self, deployment: Deployment | None) -> Deployment | None:
        """Write down how far the window has come, where a restart of ours must not forget it."""
        if deployment is None or (further := kept(deployment, self.watch.progress)) is deployment:
            return deployment
        await self.tools.ledger.write(further)
        self.watch.deployment = further
        return further

    async def _follow(self, deployment: Deployment | None, found: Verdict, now: datetime) -> None:
        """What the verdict asks for."""
        if deployment is None:
            await self.trust.adopt(found)
        elif found.outcome is Outcome.HEALTHY:
            await self.trust.healthy(deployment, now)
        elif self.trust.lapsed(deployment, found, now):
            await self.trust.undecided(deployment, found, now)
        elif found.outcome is Outcome.FAILED:
            await self.conductor.failed(deployment, (*found.reasons, *self.recaller.sentences))

    @property
    def _judges(self) -> bool:
        adopting = self.watch.good is None and bool(self.watch.containers)
        return (
            self.acts and not self.desk.work.rolling_back and (self.watch.deployment is not None or adopting)
        )
