"""Asks the checks, each in its own rhythm, and reports every answer. Owned by a stack's guard.

One task a check: a slow check delays nobody else, and never overlaps itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta

import structlog

from watchdog.clock import Clock
from watchdog.health.check import Answer, Check, Prober, Sample

log = structlog.get_logger(__name__)

SLACK = timedelta(seconds=10)
"""How late a round may be, beyond interval and timeout, before its loop counts as stuck."""


class Poller:
    """`report` takes each sample on the event loop and must not block; `start` before anything else."""

    def __init__(
        self, checks: Iterable[Check], prober: Prober, clock: Clock, report: Callable[[Sample], None]
    ) -> None:
        self._checks = tuple(checks)
        self._prober = prober
        self._clock = clock
        self._report = report
        self._rounds: dict[Check, _Round] = {}

    def start(self) -> None:
        """Begin asking; every check is asked at once, then in its rhythm."""
        self.replace(self._checks)

    def replace(self, checks: Iterable[Check]) -> None:
        """Ask these from now on. Those that stay the same keep their rhythm."""
        wanted = tuple(checks)
        for check in [c for c in self._rounds if c not in wanted]:
            self._rounds.pop(check).task.cancel()
        for check in wanted:
            if check not in self._rounds:
                self._rounds[check] = _Round(check, self._prober, self._clock, self._report)

    def poke(self) -> None:
        """Ask every check now; one that is being asked is asked once more right after."""
        for a_round in self._rounds.values():
            a_round.poke()

    def overdue(self) -> tuple[str, ...]:
        """The checks whose loop is stuck: systemd's watchdog is fed only while there are none."""
        return tuple(r.check.name for r in self._rounds.values() if r.overdue)

    async def close(self) -> None:
        """Stop asking and wait until every loop has ended."""
        tasks = [a_round.task for a_round in self._rounds.values()]
        self._rounds.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Round:
    """The endless round of one check."""

    def __init__(self, check: Check, prober: Prober, clock: Clock, report: Callable[[Sample], None]) -> None:
        self.check = check
        self._prober = prober
        self._clock = clock
        self._report = report
        self._poked = False
        self._sleep: asyncio.Future[None] | None = None
        self._due = clock.monotonic()
        self.task = asyncio.create_task(self._run(), name=f"check {check.name}")

    @property
    def overdue(self) -> bool:
        return self._clock.monotonic() > self._due + (self.check.timeout + SLACK).total_seconds()

    def poke(self) -> None:
        self._poked = True
        if self._sleep is not None:
            self._sleep.cancel()

    async def _run(self) -> None:
        while True:
            self._poked = False
            await self._ask()
            await self._rest()

    async def _ask(self) -> None:
        try:
            self._report(await self._prober.probe(self.check))
        except Exception as error:  # a fault of ours must not end the round, nor count as evidence
            log.exception("probe_broken", check=self.check.name)
            detail = f"the probe itself broke: {type(error).__name__}"
            self._report(Sample(self.check.name, self._clock.now(), Answer.INCONCLUSIVE, detail))

    async def _rest(self) -> None:
        """Until the next round is due, start to start: lateness does not add up."""
        interval = self.check.interval.total_seconds()
        now = self._clock.monotonic()
        self._due = now if self._poked else max(self._due + interval, now)
        if self._poked:
            return
        self._sleep = asyncio.ensure_future(self._clock.sleep(timedelta(seconds=self._due - now)))
        try:
            await asyncio.wait({self._sleep})
        finally:
            self._sleep.cancel()
            self._sleep = None
        if self._poked:
            self._due = self._clock.monotonic()
