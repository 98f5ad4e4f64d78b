"""The desk: what everything around one guard shares. Its tools, its memory, its inbox and its voice.

The guard sits at it and is the only one that takes messages from the inbox; its colleagues (who capture,
prepare, conduct, look) are given the desk, and change the guard's memory only through `ask`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, TypeVar

import structlog

from watchdog.alert.alert import Level, alert
from watchdog.daemon.messages import Call, Hint, Message, Progress
from watchdog.daemon.tools import Tools
from watchdog.daemon.turns import Turns
from watchdog.daemon.watch import Watch, carried_over
from watchdog.daemon.work import Work
from watchdog.deploy.changes import merge
from watchdog.deploy.deployment import Deployment
from watchdog.errors import Refused
from watchdog.health.check import Check
from watchdog.health.window import Progress as Judged
from watchdog.rollback.ledger import Noted, Record, Seen
from watchdog.stack import Release
from watchdog.stack.event import condensed

T = TypeVar("T")

log = structlog.get_logger(__name__)

ROOM = 1000
"""Messages that may wait before the hints among them are condensed; ordinarily a handful do."""


class Asker(Protocol):
    """Asks the checks, each in its rhythm."""

    def replace(self, checks: Iterable[Check]) -> None:
        """Ask these from now on."""
        ...

    def turned(self, service: str) -> None:
        """The service's own HEALTHCHECK has turned."""
        ...


class Desk:
    """Of one guard. `adopted` is set as soon as a last known good release is known; `asker` by its post."""

    def __init__(self, tools: Tools) -> None:
        clock = tools.hands.clock
        self.tools = tools
        self.watch = Watch(carried_over({}, tools.settings.checks))
        self.work = Work(Turns(tools.settings.stack.name, tools.hands.lock, clock))
        self.began_at = clock.now()
        self.adopted = asyncio.Event()
        self.asker: Asker | None = None
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._room = ROOM
        self._listeners: set[Progress] = set()
        self._settled: dict[str, asyncio.Future[str]] = {}

    @property
    def name(self) -> str:
        return self.tools.settings.stack.name

    # the inbox

    def post(self, message: Message) -> None:
        """Put a report into the inbox; never blocks."""
        self._inbox.put_nowait(message)
        if self._inbox.qsize() > self._room:
            self._condense()

    def _condense(self) -> None:
        """A guard that waits for a slow engine takes nothing: bounded by what exists, not by what happens."""
        waiting = [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]
        hints = condensed(message.event for message in waiting if isinstance(message, Hint))
        others = [message for message in waiting if not isinstance(message, Hint)]
        for message in (*map(Hint, hints), *others):
            self._inbox.put_nowait(message)
        self._room = max(ROOM, 2 * self._inbox.qsize())

    async def ask(self, function: Callable[[], Awaitable[T]]) -> T:
        """Have the guard's own task run `function`, and return its result or raise its error."""
        reply: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.post(Call(function, reply))
        return await reply

    async def messages(self) -> list[Message]:
        """Everything that waits, at least one: a burst of hints is worth one look. For the guard alone."""
        messages = [await self._inbox.get()]
        self._room = ROOM
        while not self._inbox.empty():
            messages.append(self._inbox.get_nowait())
        return messages

    def refuse_waiting(self) -> None:
        """Whoever asks a guard that knows nothing yet is told so instead of left waiting."""
        while not self._inbox.empty():
            if isinstance(message := self._inbox.get_nowait(), Call) and not message.reply.done():
                message.reply.set_exception(Refused(f"{self.name} cannot be guarded: its state is unusable"))

    # the voice

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

    async def alert(self, level: Level, title: str, text: str, *records: Record) -> None:
        """Queue an alert in one transaction with the records that it is about."""
        now = self.tools.hands.clock.now()
        await self.tools.ledger.write(*records, alert(self.name, level, title, text, now))
        self.tools.outbox.wake()

    def noted(self, kind: str, text: str, deployment: str = "") -> Noted:
        """A line of the story that `explain` tells, to be written with what it is about."""
        return Noted(self.name, self.tools.hands.clock.now(), kind, text, deployment)

    async def settled(self, deployment: str) -> str:
        """Wait for how a deployment ended: healthy, rolled back, failed, superseded, undecided."""
        state = await self._outcome(deployment)
        self._settled.pop(deployment, None)
        return state

    def settle(self, deployment: str, state: str) -> None:
        """Whoever waits for this deployment may go on."""
        if not (outcome := self._outcome(deployment)).done():
            outcome.set_result(state)

    def _outcome(self, deployment: str) -> asyncio.Future[str]:
        return self._settled.setdefault(deployment, asyncio.get_running_loop().create_future())

    # the memory, for the guard's own task

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
        self.watch.known, self.watch.good, self.watch.granted_at = known, trusted, now
        if lost:
            self.watch.adopting_since, self.watch.progress = None, Judged()

    async def open(self, deployment: Deployment, *records: Record) -> None:
        """Begin to judge a deployment."""
        await self.take_for_granted(*(records or (deployment,)))
        self.watch.deployment = deployment
        self.watch.progress = Judged()
