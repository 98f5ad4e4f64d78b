"""Asks the checks, each in its own rhythm, and reports every answer. Owned by a stack's guard.

One task a check: a slow check delays nobody else, and never overlaps itself. The rhythms are laid apart, so
that a thousand checks do not ask in one moment and wait for each other. Where many answers come, several are
passed on at a time: the guard judges all that it knows once for each time.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

import structlog

from watchdog.clock import Clock
from watchdog.health.check import Answer, Check, EngineHealth, Prober, Sample

log = structlog.get_logger(__name__)

SLACK = timedelta(seconds=10)
"""How late a round may be, beyond interval and timeout, before its loop counts as stuck."""
APART = timedelta(milliseconds=5)
"""Between the starts of two checks: a thousand fill an interval of 5 s evenly, a few still begin at once."""


GATHER = timedelta(milliseconds=100)
"""The least time between two reports; what comes alone is reported at once. A verdict on a thousand checks
takes 2 ms: one for each of two hundred answers a second would leave no time to ask."""


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
        self._waiting: list[Sample] = []
        self._passing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin asking; every check is asked almost at once, then in its rhythm."""
        self.replace(self._checks)

    def replace(self, checks: Iterable[Check]) -> None:
        """Ask these from now on. Those that stay the same keep their rhythm."""
        wanted = dict.fromkeys(checks)
        for check in [c for c in self._rounds if c not in wanted]:
            self._rounds.pop(check).task.cancel()
        fresh = [check for check in wanted if check not in self._rounds]
        for check, lag in _laid_apart(fresh):
            begin = self._clock.monotonic() + lag.total_seconds()
            self._rounds[check] = _Round(check, self._prober, self._clock, self._take, begin)

    def turned(self, service: str) -> None:
        """A service's own HEALTHCHECK has turned: ask for it now, and in its rhythm from now on."""
        for check in [
            c for c in self._rounds if isinstance(c.probe, EngineHealth) and c.probe.service == service
        ]:
            self._rounds[check].task.cancel()
            now = self._clock.monotonic()
            self._rounds[check] = _Round(check, self._prober, self._clock, self._take, now)

    def overdue(self) -> tuple[str, ...]:
        """The checks whose loop is stuck: systemd's watchdog is fed only while there are none."""
        return tuple(r.check.name for r in self._rounds.values() if r.overdue)

    async def close(self) -> None:
        """Stop asking and wait until every loop has ended."""
        tasks = [a_round.task for a_round in self._rounds.values()]
        tasks += [self._passing] if self._passing is not None else []
        self._rounds.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _take(self, sample: Sample) -> None:
        self._waiting.append(sample)
        if self._passing is None or self._passing.done():
            self._passing = asyncio.create_task(self._pass_on(), name="answers")

    async def _pass_on(self) -> None:
        while self._waiting:
            samples, self._waiting = self._waiting, []
            for sample in samples:
                self._report(sample)
            await self._clock.sleep(GATHER)


def _laid_apart(checks: Iterable[Check]) -> Iterator[tuple[Check, timedelta]]:
    """How much later than at once each begins; those that share a look at the engine begin together."""
    number = 0
    for check in checks:
        if isinstance(check.probe, EngineHealth):
            yield check, timedelta()
        else:
            yield check, number * APART % check.interval
            number += 1


class _Round:
    """The endless round of one check. `begin`: monotonic, when it is asked first."""

    def __init__(
        self,
        check: Check,
        prober: Prober,
        clock: Clock,
        report: Callable[[Sample], None],
        begin: float,
    ) -> None:
        self.check = check
        self._prober = prober
        self._clock = clock
        self._report = report
        self._due = begin
        self.task = asyncio.create_task(self._run(), name=f"check {check.name}")

    @property
    def overdue(self) -> bool:
        return self._clock.monotonic() > self._due + (self.check.timeout + SLACK).total_seconds()

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(timedelta(seconds=max(0.0, self._due - self._clock.monotonic())))
            started = self._clock.monotonic()
            await self._ask()
            self._due = self._next(started)

    def _next(self, started: float) -> float:
        """In its own rhythm, however late it was, but never sooner than half an interval after it started.

        A host that slept would otherwise wake to all checks in one moment, for ever; and failures that are
        counted in a row must lie apart.
        """
        interval = self.check.interval.total_seconds()
        return self._due + interval * math.ceil((started - self._due) / interval + 0.5)

    async def _ask(self) -> None:
        try:
            self._report(await self._prober.probe(self.check))
        except Exception as error:  # a fault of ours must not end the round, nor count as evidence
            log.exception("probe_broken", check=self.check.name)
            detail = f"the probe itself broke: {type(error).__name__}"
            self._report(Sample(self.check.name, self._clock.now(), Answer.INCONCLUSIVE, detail))
