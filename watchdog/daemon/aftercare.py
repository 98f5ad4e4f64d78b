"""Cares for the databases that rollbacks displaced: after each rollback, at start, and hourly.

Off everybody's path: an operation that wants the stack's lock cuts what holds it here, and what was cut, or
met a server that is down, is done at the next hour. Where a stage stands is in the ledger only.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

import structlog

from watchdog.alert.alert import Alert, Level, alert
from watchdog.daemon.desk import Desk
from watchdog.errors import Busy, Unreachable, WatchdogError
from watchdog.rollback.aftermath import Care, Done, account, exists, open_for_reading
from watchdog.rollback.displaced import Displaced, Stage, due, newly_displaced, taken_back
from watchdog.rollback.farewell import drop, dump, forget, prove, require_unneeded

log = structlog.get_logger(__name__)

STAGES: dict[Stage, Callable[[Care, Displaced], Awaitable[Done]]] = {
    Stage.OPEN: open_for_reading,
    Stage.ACCOUNT: account,
    Stage.DUMP: dump,
    Stage.PROVE: prove,
    Stage.DROP: drop,
    Stage.FORGET: forget,
}
AT_ONCE = frozenset({Stage.OPEN, Stage.ACCOUNT})
"""For every database before any is dumped: people wait for the figures."""
LOCKED = frozenset({Stage.OPEN, Stage.PROVE, Stage.DROP})
"""What an operation must not meet, so that it is done in a turn of its own, which gives way."""
_LAST = frozenset({Stage.DROP, Stage.FORGET})
"""These find out for themselves whether it is gone: a process may have died after dropping it."""
_NUMBERS = re.compile(r"\d+")
OPERATIONS = 50
"""How far back swaps are looked for that nobody cares for yet."""


class Aftercare:
    """Of one guard."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._task: asyncio.Task[None] | None = None
        self._accounted = asyncio.Event()

    def soon(self) -> None:
        """Begin, once nothing else is at work; nothing where it has begun already."""
        if not self._desk.tools.settings.stack.databases or (self._task and not self._task.done()):
            return
        self._accounted.clear()
        self._task = asyncio.create_task(self._run(), name=f"aftercare {self._desk.name}")
        self._task.add_done_callback(self._ended)

    async def accounted(self) -> None:
        """For a command without a daemon: wait until what it displaced is accounted for, if it can be."""
        if self._task and not self._task.done():
            await self._accounted.wait()

    async def done(self) -> None:
        """Wait until it rests."""
        while self._task and not self._task.done():
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """Cut it: the next start goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._accounted.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("aftercare_broke_off", stack=self._desk.name, exc_info=error)

    async def _run(self) -> None:
        await self._desk.work.at_rest()
        try:
            records = await self._records()
            records = [await self._care(record, AT_ONCE) for record in records]
            self._accounted.set()
            for record in records:
                await self._care(record, STAGES.keys())
        except WatchdogError as error:  # the state is unusable: the guard tells that
            log.warning("aftercare_waits", stack=self._desk.name, reason=str(error))

    async def _records(self) -> list[Displaced]:
        """Of all that were ever displaced; those that are new are written down first."""
        ledger, name = self._desk.tools.ledger, self._desk.name
        known = await ledger.displaced(name)
        operations = await ledger.operations(name, limit=OPERATIONS)
        journal = {operation.id: await ledger.steps(operation.id) for operation in operations}
        servers = {d.name: d.server for d in self._desk.tools.settings.stack.databases}
        cared_for = {(record.operation, record.database) for record in known}
        if new := newly_displaced(operations, journal, cared_for, servers):
            await ledger.write(*new)
        return [*known, *new]

    async def _care(self, record: Displaced, stages: Collection[Stage]) -> Displaced:
        """Stage after stage, as far as it goes now."""
        settings, clock = self._desk.tools.settings, self._desk.tools.hands.clock
        while True:
            keep, keep_dump = settings.rollback.keep_displaced, settings.backup.keep
            stage = due(record, clock.now(), keep, keep_dump)
            if stage is None or stage not in stages:
                return record
            following = await self._stage(record, stage)
            if following is None:
                return record
            record = following
            if record.trouble:
                return record

    async def _stage(self, record: Displaced, stage: Stage) -> Displaced | None:
        """The record once the stage is done or met trouble, which is told once; None: at the next hour."""
        tools = self._desk.tools
        try:
            done, told = await self._carry_out(record, stage)
        except (Busy, Unreachable) as error:
            log.info("aftercare_waits", stage=stage, database=record.name, reason=str(error))
            return None
        except WatchdogError as error:
            trouble = f"{stage}: {error}"
            if _same(trouble, record.trouble) or await self._vanished(record):
                return None
            done, told = replace(record, trouble=trouble), self._trouble(record, trouble)
        else:
            done = replace(done, trouble="") if done.trouble == record.trouble else done
            if done.gone_at == record.gone_at or stage is Stage.DROP:
                self._desk.tell("displaced_cared_for", stage=stage, database=record.name)
        await tools.ledger.write(done, *([told] if told else []))
        tools.outbox.wake()
        return done

    async def _vanished(self, record: Displaced) -> bool:
        """Whether an undo took it from under a stage: then that is what failed, and all is well."""
        try:
            return record.gone_at is None and not await exists(await self._care_now().server(record), record)
        except WatchdogError:
            return False

    def _trouble(self, record: Displaced, trouble: str) -> Alert:
        title = f"the displaced database {record.name} needs a look"
        return alert(record.stack, Level.WARNING, title, trouble, self._desk.tools.hands.clock.now())

    async def _carry_out(self, record: Displaced, stage: Stage) -> Done:
        care = self._care_now()
        if stage not in _LAST and not await exists(await care.server(record), record):
            return replace(record, gone_at=care.hands.clock.now()), None
        if stage not in LOCKED:
            return await STAGES[stage](care, record)
        doing = f"{stage} of the displaced database {record.name}"
        work = self._unneeded(care, record, stage)
        done: Done = await self._desk.work.run(doing, work, gives_way=True)
        return done

    def _care_now(self) -> Care:
        """By the configuration as it is now."""
        tools, settings = self._desk.tools, self._desk.tools.settings
        return Care(tools.hands, tools.servers, settings.backup, settings.rollback.keep_displaced)

    async def _unneeded(self, care: Care, record: Displaced, stage: Stage) -> Done:
        operations = await self._desk.tools.ledger.operations(record.stack, limit=OPERATIONS)
        if stage is not Stage.OPEN:
            require_unneeded(operations)
        if stage is Stage.DROP and taken_back(record, operations):
            return replace(record, gone_at=care.hands.clock.now()), None
        return await STAGES[stage](care, record)


def _same(trouble: str, told: str) -> bool:
    """Whether it was told already: how much room is free changes by the minute."""
    return _NUMBERS.sub("", trouble) == _NUMBERS.sub("", told)
