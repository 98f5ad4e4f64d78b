"""The machine: runs any plan, journals each step before it acts, and goes on where a dead process stopped.

Used by the daemon, by a command without a daemon, and by recovery: all three call `run`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from watchdog.clock import Deadline
from watchdog.errors import Unreachable, WatchdogError
from watchdog.rollback.ledger import Ledger
from watchdog.rollback.operation import Facts, Operation, Outcome, Progress, StepRecord
from watchdog.rollback.plan import ABORT, ORDINARY_PATIENCE, PATIENCE, PLANS, outcome_of_failure
from watchdog.rollback.run import Run, Step

log = structlog.get_logger(__name__)

Settle = Callable[[Step], Awaitable[StepRecord]]
Tell = Callable[[StepRecord], None]
"""Hears of each step as it begins and ends."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=0.2), timedelta(seconds=5)
"""Between two tries of a step; each pause is twice the one before it."""


async def run(run: Run, ledger: Ledger, tell: Tell) -> Operation:
    """Carry the operation on to its end and return it, not yet written: the caller adds the alert.

    Steps journalled as done are not repeated; one with an intent only is repeated (it looks first). One that
    failed has failed: what ran before may run again, so that going on would mix the releases.
    """
    journal = {record.step: record for record in await ledger.steps(run.operation.id)}

    async def settled(step: Step) -> StepRecord:
        record = journal.get(step.__name__)
        if record is None or record.progress is Progress.INTENT:
            record = await _perform(step, run, ledger, tell)
        return record

    for step in PLANS[run.operation.plan]:
        record = await settled(step)
        if record.progress is Progress.FAILED:
            return await _fail(step, record, run, settled)
        run = replace(run, facts={**run.facts, record.step: record.facts})
    return _ended(run, Outcome.SUCCEEDED)


async def _perform(step: Step, run: Run, ledger: Ledger, tell: Tell) -> StepRecord:
    clock = run.hands.clock
    record = StepRecord(run.operation.id, step.__name__, Progress.INTENT, clock.now())
    await ledger.write(record)
    tell(record)
    try:
        facts = dict(await _patiently(step, run))
        record = replace(record, progress=Progress.DONE, ended_at=clock.now(), facts=facts)
    except WatchdogError as error:
        log.warning("step_failed", step=record.step, reason=str(error))
        record = replace(record, progress=Progress.FAILED, ended_at=clock.now(), error=str(error))
    except Exception as error:  # a fault of ours must end in an outcome and an alert, like any other
        log.exception("step_broke", step=record.step)
        reason = f"{type(error).__name__}: {error}"
        record = replace(record, progress=Progress.FAILED, ended_at=clock.now(), error=reason)
    await ledger.write(record)
    tell(record)
    return record


async def _patiently(step: Step, run: Run) -> Facts:
    """Repeat the step while something outside does not answer: a failure would leave everything stopped."""
    clock, pause = run.hands.clock, FIRST_PAUSE
    deadline = Deadline(clock, PATIENCE.get(step, ORDINARY_PATIENCE))
    while True:
        try:
            return await step(run)
        except Unreachable as error:
            if deadline.over:
                raise
            log.warning("step_waits", step=step.__name__, reason=str(error))
        await clock.sleep(min(pause, deadline.left))
        pause = min(2 * pause, LONGEST_PAUSE)


async def _fail(step: Step, record: StepRecord, run: Run, settled: Settle) -> Operation:
    outcome = outcome_of_failure(PLANS[run.operation.plan], step)
    detail = f"{record.step} failed: {record.error}"
    if outcome is Outcome.ABORTED:
        for undo in ABORT[step]:
            undone = await settled(undo)
            if undone.progress is Progress.FAILED:
                return _ended(run, Outcome.HELD, f"{detail}; then {undone.step} failed: {undone.error}")
    return _ended(run, outcome, detail)


def _ended(run: Run, outcome: Outcome, detail: str = "") -> Operation:
    return replace(run.operation, outcome=outcome, ended_at=run.hands.clock.now(), detail=detail)
