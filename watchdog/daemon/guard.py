"""The guard: one task per stack, the only owner of that stack's state.

Sources put frozen messages into its inbox. It looks at what runs, asks a pure function for the verdict, and
has the conductor start what follows as a child task, so that the inbox stays alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import structlog

from watchdog.alert.alert import Level, alert
from watchdog.daemon import checking, trusting
from watchdog.daemon.aftercare import Aftercare
from watchdog.daemon.capturing import Capturer
from watchdog.daemon.conducting import Conductor
from watchdog.daemon.judging import judge
from watchdog.daemon.messages import Call, Hint, Message, Probed, Progress, Tick
from watchdog.daemon.observing import notice
from watchdog.daemon.preparing import Preparer
from watchdog.daemon.remembering import notice_lost_command, remember
from watchdog.daemon.tools import Tools
from watchdog.daemon.watch import Identities, Watch
from watchdog.deploy.changes import merge
from watchdog.deploy.deployment import Deployment, Phase
from watchdog.errors import Refused, Unreachable, WatchdogError
from watchdog.health.verdict import Outcome
from watchdog.health.window import Progress as Judged
from watchdog.rollback.ledger import Record, Seen
from watchdog.stack import Event, Release

T = TypeVar("T")

log = structlog.get_logger(__name__)

RECONCILE = timedelta(seconds=30)
"""Events are hints: look again this often even if none came (design rule 6)."""
TICK = timedelta(milliseconds=250)
"""While a window is open: how late a deadline may be noticed."""
RETRY = timedelta(seconds=1)
OWN_ERROR = "ops-watchdog met an error of its own"


class Guard:
    """Guards one stack. `run` is its task; `post` and `ask` are how everybody else talks to it."""

    def __init__(self, tools: Tools, acts: bool = True) -> None:
        """`acts` False: only looks and answers, for a command that shall change nothing."""
        self.tools = tools
        self.acts = acts
        self.watch = Watch(checking.carried_over({}, tools.settings.checks))
        self.conductor = Conductor(self)
        self.capturer = Capturer(self)
        self.preparer = Preparer(self)
        self.aftercare = Aftercare(self)
        self._progressed_at = tools.hands.clock.monotonic()
        self.adopted = asyncio.Event()
        self.began_at = tools.hands.clock.now()
        self._asked_capture_of: Identities = frozenset()
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._listeners: set[Progress] = set()
        self._faults: set[str] = set()

    @property
    def name(self) -> str:
        return self.tools.settings.stack.name

    @property
    def idle(self) -> timedelta:
        """How long nothing was handled, not even a tick."""
        return timedelta(seconds=self.tools.hands.clock.monotonic() - self._progressed_at)

    def post(self, message: Message) -> None:
        """Put a report into the inbox; never blocks."""
        self._inbox.put_nowait(message)

    async def ask(self, function: Callable[[], Awaitable[T]]) -> T:
        """Have the guard's own task run `function`, and return its result or raise its error."""
        reply: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.post(Call(function, reply))
        return await reply

    async def reconfigure(self, tools: Tools) -> None:
        """Other checks and policies from now on; the state of a check that stays is kept.

        A check that is new during a window has no baseline: it says nothing about that deployment.
        """
        moved = tools.settings.stack != self.tools.settings.stack
        fresh = checking.unknown(self.watch.checks, tools.settings.checks)
        self.tools = tools
        self.watch.checks = checking.carried_over(self.watch.checks, tools.settings.checks)
        if (deployment := self.watch.deployment) is not None and fresh:
            self.watch.deployment = replace(deployment, baseline_red=deployment.baseline_red | fresh)
            await self.tools.ledger.write(self.watch.deployment)
        if moved:
            self.capturer.soon()

    def listen(self, progress: Progress) -> Callable[[], None]:
        """Be told what operations do; call the result to stop listening."""
        self._listeners.add(progress)
        return lambda: self._listeners.discard(progress)

    def tell(self, kind: str, **facts: Any) -> None:
        """Tell whoever listens, and the log."""
        log.info(kind, stack=self.name, **facts)
        at = self.tools.hands.clock.now().isoformat()
        for listener in list(self._listeners):
            listener({"event": kind, "stack": self.name, "at": at, **facts})

    async def run(self) -> None:
        """Until cancelled. A failure in one message is alerted; the next is handled all the same."""
        structlog.contextvars.bind_contextvars(stack=self.name)
        while not await self._survive(partial(remember, self)):
            self._refuse_waiting()
            await self.tools.hands.clock.sleep(RETRY)
        if self.acts:
            await self._survive(self.conductor.recover)
        await self._survive(partial(self._handle, [Tick()]))
        while True:
            messages = await self._next()
            self._progressed_at = self.tools.hands.clock.monotonic()
            await self._survive(partial(self._handle, messages))

    async def _next(self) -> list[Message]:
        """Everything that waits, or a tick: a burst of hints is worth one look."""
        deployment = self.watch.deployment
        pause = TICK if deployment or self.watch.good is None else RECONCILE
        try:
            async with asyncio.timeout(pause.total_seconds()):
                first = await self._inbox.get()
        except TimeoutError:
            return [Tick()]
        messages = [first]
        while not self._inbox.empty():
            messages.append(self._inbox.get_nowait())
        return messages

    async def _survive(self, function: Callable[[], Awaitable[None]]) -> bool:
        """False where it failed. An error of ours is logged each time, and alerted once."""
        try:
            await function()
        except WatchdogError as error:
            log.warning("guard_message_failed", reason=str(error))
            return False
        except Exception as error:  # this loop must survive: a dead guard protects nobody
            log.exception("guard_failed")
            if (fault := repr(error)) not in self._faults:
                self._faults.add(fault)
                await self._survive(partial(self.alert, Level.CRITICAL, OWN_ERROR, type(error).__name__))
            return False
        return True

    def _refuse_waiting(self) -> None:
        """Whoever asks a guard that knows nothing yet is told so instead of left waiting."""
        while not self._inbox.empty():
            if isinstance(message := self._inbox.get_nowait(), Call) and not message.reply.done():
                message.reply.set_exception(Refused(f"{self.name} cannot be guarded: its state is unusable"))

    async def _handle(self, messages: list[Message]) -> None:
        """Each message by itself, so that one that fails takes no other with it; then look and judge."""
        for message in messages:
            await self._survive(partial(self._receive, message))
        if self._stale() or any(isinstance(m, Hint) for m in messages) or self._would_fail():
            await self.look()
        await self._judge()

    async def _receive(self, message: Message) -> None:
        match message:
            case Hint(event):
                self._note(event)
            case Probed(sample):
                await checking.count(self, sample)
            case Call(function, reply):
                await self._answer(function, reply)

    def _would_fail(self) -> bool:
        """Nobody is judged by an old look: events are hints, inspect is truth."""
        deployment = self.watch.deployment
        if deployment is None or not deployment.open or self.conductor.rolling_back:
            return False
        now = self.tools.hands.clock.now()
        return judge(self.watch, self.tools.settings, now).outcome is Outcome.FAILED

    def _note(self, event: Event) -> None:
        if event.asks_to_stop:
            self.watch.stopped.add(event.container)
        elif event.action == "start":
            self.watch.stopped.discard(event.container)

    def _stale(self) -> bool:
        looked = self.watch.looked_at
        return looked is None or self.tools.hands.clock.monotonic() - looked >= RECONCILE.total_seconds()

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

    async def look_now(self) -> None:
        """For an operation that needs the truth: look and capture, or raise `Unreachable`."""
        await self.ask(self.look)
        if not self.watch.reachable:
            raise Unreachable(f"{self.watch.unreachable}; nothing was done")
        await self.capturer.done()

    async def look(self) -> None:
        """Inspect the project, notice a deployment, and see to the capture of what runs."""
        try:
            containers = await self.tools.hands.engine.containers(self.tools.settings.stack.project)
        except Unreachable as error:
            reached, self.watch.reachable, self.watch.unreachable = self.watch.reachable, False, str(error)
            if reached:
                await self.alert(Level.WARNING, "Docker does not answer", str(error))
            return
        clock = self.tools.hands.clock
        previous = self.watch.containers
        self.watch.containers, self.watch.looked_at, self.watch.reachable = (
            containers,
            clock.monotonic(),
            True,
        )
        self.watch.stopped &= {container.id for container in containers}
        await notice(self, previous, clock.now())
        self._see_to_capture()

    def _see_to_capture(self) -> None:
        """Not in the middle of a change of ours: half a release is none, and hashing costs a process."""
        if self.conductor.changing:
            return
        if self.watch.identities != self._asked_capture_of or self.watch.release is None:
            self._asked_capture_of = self.watch.identities
            self.capturer.soon()

    async def take_for_granted(
        self, *records: Record, good: Release | None = None, lost: bool = False
    ) -> None:
        """What runs now is no news from here on; written first with `records`, then believed.

        `good`: the last known good release from now on; `lost`: there is none any more.
        """
        known = merge(self.watch.known, self.watch.containers)
        trusted = None if lost else good or self.watch.good
        now = self.tools.hands.clock.now()
        seen = Seen(self.name, known, now, trusted.id if trusted else None)
        await self.tools.ledger.write(seen, *records)
        self.watch.known, self.watch.good = known, trusted
        if lost:
            self.watch.adopting_since, self.watch.progress = None, Judged()

    async def open(self, deployment: Deployment, *records: Record) -> None:
        """Begin to judge a deployment."""
        await self.take_for_granted(*(records or (deployment,)))
        self.watch.deployment = deployment
        self.watch.progress = Judged()

    async def _judge(self) -> None:
        """Ask for the verdict where there is something to judge: a deployment, or the first release."""
        deployment = self.watch.deployment
        if not self.acts or self.conductor.rolling_back or not (deployment or self._adopting):
            return
        await notice_lost_command(self)
        deployment = self.watch.deployment
        if deployment is not None and deployment.phase is Phase.FAILED:
            await self.conductor.follow_up()
            return
        now = self.tools.hands.clock.now()
        self.watch.adopting_since = self.watch.adopting_since or now
        found = judge(self.watch, self.tools.settings, now)
        self.watch.progress = found.progress
        if deployment is None:
            await trusting.adopt(self, found)
        elif found.outcome is Outcome.HEALTHY:
            await trusting.healthy(self, deployment, now)
        elif trusting.lapsed(self, deployment, found, now):
            await trusting.undecided(self, deployment, found, now)
        elif found.outcome is Outcome.FAILED:
            await self.conductor.failed(deployment, found.reasons)

    @property
    def _adopting(self) -> bool:
        return self.watch.good is None and bool(self.watch.containers)

    async def alert(self, level: Level, title: str, text: str, *records: Record) -> None:
        """Queue an alert in one transaction with the records that it is about."""
        now = self.tools.hands.clock.now()
        await self.tools.ledger.write(*records, alert(self.name, level, title, text, now))
        self.tools.outbox.wake()
