"""A rollback from its decision to its end: opened in the ledger, run by the machine, written up, alerted.

The daemon, a command without a daemon, and recovery at start all come through `begin` or `resume`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import structlog

from watchdog.backup.backup import Backup
from watchdog.clock import timestamp
from watchdog.database.displaced import open_read_only
from watchdog.deploy.changes import Parts
from watchdog.deploy.deployment import Deployment, Phase
from watchdog.errors import WatchdogError
from watchdog.incident.evidence import gather
from watchdog.incident.incident import write as write_incident
from watchdog.rollback import machine
from watchdog.rollback.ledger import Audit, Ledger, Mark, Record, Standing
from watchdog.rollback.machine import Tell
from watchdog.rollback.operation import KEEPS_DATABASE, Facts, Operation, Outcome
from watchdog.rollback.report import describe, displaced, finished, started
from watchdog.rollback.run import Hands, Run
from watchdog.rollback.steps.policies import TAKEN
from watchdog.rollback.steps.stop import RAN, STATES_OF_RUNNING
from watchdog.rollback.target import Target
from watchdog.rollback.way_out import way_out
from watchdog.stack import Release

log = structlog.get_logger(__name__)

Wake = Callable[[], None]

EVIDENCE_LIMIT = timedelta(seconds=10)
"""Beside the rollback, off its path; the containers are replaced only when the services restart."""


@dataclass(frozen=True, slots=True)
class Request:
    """A decided rollback.

    `running`: the fingerprint of what runs, and its release where it was captured. `undoes`, `returning`: see
    `Operation`. `why`: this plan and no other, as a sentence.
    """

    target: Target
    plan: str
    actor: str
    reasons: tuple[str, ...]
    deployment: Deployment | None = None
    failed_fingerprint: str = ""
    failed_parts: Parts = ()
    running: tuple[str, Release | None] = ("", None)
    undoes: str | None = None
    returning: Mapping[str, str] = field(default_factory=dict)
    why: str = ""


async def begin(request: Request, hands: Hands, ledger: Ledger, tell: Tell, wake: Wake) -> Operation:
    """Open a rollback, carry it out, and return how it ended. `wake` is called when an alert was written."""
    now, undone = await _free_second(ledger, hands.stack.name, hands.clock.now()), request.deployment
    fingerprint, captured = request.running
    backup = request.target.backup if request.plan not in KEEPS_DATABASE else None
    operation = Operation(
        id=_identifier(hands.stack.name, now),
        stack=hands.stack.name,
        plan=request.plan,
        target_release=request.target.release.id,
        backup=backup.timestamp if backup else None,
        deployment=undone.id if undone else None,
        actor=request.actor,
        reasons=request.reasons,
        started_at=now,
        excused=tuple(sorted(undone.baseline_red)) if undone else (),
        excused_services=tuple(sorted(undone.baseline_unhealthy)) if undone else (),
        from_release=captured.id if captured else None,
        from_fingerprint=fingerprint,
        target_fingerprint=request.target.release.fingerprint,
        undoes=request.undoes,
        returning=request.returning,
        uptime=hands.clock.uptime(),
    )
    records: list[Record] = [operation, _audit(operation, now), started(operation)]
    if request.target.release.files:  # of what was never captured, only the containers are known
        records.append(request.target.release)
    if request.failed_fingerprint:
        reason = "; ".join(request.reasons)
        fingerprint, parts = request.failed_fingerprint, request.failed_parts
        records.append(Mark(operation.stack, fingerprint, Standing.FAILED, now, reason, parts))
    await ledger.write(*records)
    wake()
    taken = await _taken(ledger, operation)
    return await _carry_on(Run(hands, operation, request.target.release, backup, taken), ledger, tell, wake)


async def _taken(ledger: Ledger, operation: Operation) -> dict[str, Facts]:
    """What held rollbacks before this one took and never gave back, by container: restart policies, and (of
    those whose release stayed) that they ran.
    """
    found: dict[str, Any] = {}
    ran: dict[str, Any] = {}
    for earlier in await ledger.operations(operation.stack):
        if earlier.id == operation.id or earlier.outcome in {Outcome.REFUSED, Outcome.ABORTED}:
            continue
        if earlier.outcome is not Outcome.HELD:
            break
        stopped = [
            s.facts.get("containers", ()) for s in await ledger.steps(earlier.id) if s.step == "preflight"
        ]
        for c in chain.from_iterable(stopped):
            if c["restart_policy"] != "no":
                found[c["id"]] = [c["restart_policy"], c["restart_retries"]]
            if earlier.keeps_release and c["state"] in STATES_OF_RUNNING:
                ran[c["id"]] = c["service"]
    return {TAKEN: found, RAN: ran}


async def _free_second(ledger: Ledger, stack: str, now: datetime) -> datetime:
    """Now, or the next second that no rollback began in: it names the journal and the displaced databases.

    The second of two would take the first one's for its own.
    """
    while await ledger.operation(_identifier(stack, now)) is not None:
        now += timedelta(seconds=1)
    return now


def _identifier(stack: str, began_at: datetime) -> str:
    return f"{timestamp(began_at)}-{stack}"


async def resume(
    operation: Operation, target: Target, hands: Hands, ledger: Ledger, tell: Tell, wake: Wake
) -> Operation:
    """Go on with a rollback that a dead process left open."""
    backup = target.backup if operation.backup else None
    run = Run(hands, operation, target.release, backup, await _taken(ledger, operation))
    if operation.backup and backup is None:  # images alone would meet the other schema
        detail = (
            f"backup {operation.backup} is gone, so the interrupted rollback cannot go on; bring it back "
            f"or choose another with 'ops-watchdog backups list'"
        )
        ended = replace(operation, outcome=Outcome.HELD, ended_at=hands.clock.now(), detail=detail)
        await _close(ended, run, ledger)
        wake()
        return ended
    return await _carry_on(run, ledger, tell, wake)


async def _carry_on(run: Run, ledger: Ledger, tell: Tell, wake: Wake) -> Operation:
    structlog.contextvars.bind_contextvars(operation=run.operation.id)
    evidence = asyncio.create_task(_evidence(run))
    try:
        ended = await machine.run(run, ledger, tell)
    finally:
        evidence.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await evidence
    await _close(ended, run, ledger)
    wake()
    structlog.contextvars.unbind_contextvars("operation")
    return ended


async def _evidence(run: Run) -> None:
    with contextlib.suppress(WatchdogError, OSError, TimeoutError):
        async with asyncio.timeout(EVIDENCE_LIMIT.total_seconds()):
            await gather(run.hands.engine, await run.containers(), run.directory)


async def _close(ended: Operation, run: Run, ledger: Ledger) -> None:
    """State, alert and audit in one transaction; then what nobody has to wait for."""
    steps = await ledger.steps(ended.id)
    todo = await way_out(run, restored=bool(displaced(steps))) if ended.outcome is Outcome.HELD else ()
    told = finished(ended, steps, todo)
    records: list[Record] = [ended, _audit(ended, run.hands.clock.now()), told]
    deployment = await ledger.deployment(ended.deployment) if ended.deployment else None
    if deployment is not None and ended.outcome is not Outcome.REFUSED:
        phase = _phase(ended)
        records.append(replace(deployment, phase=phase, ended_at=ended.ended_at))
    await ledger.write(*records)
    if ended.outcome is Outcome.SUCCEEDED:
        await _reopen(run, displaced(steps))
    try:
        write_incident(describe(ended, steps, todo), run.directory)
    except OSError as error:
        log.error("incident_not_written", directory=str(run.directory), reason=str(error))


def _phase(ended: Operation) -> Phase:
    """How the deployment ends whose rollback ended so; without its data it was neither good nor bad."""
    if ended.outcome is not Outcome.SUCCEEDED:
        return Phase.FAILED
    return Phase.UNDECIDED if ended.keeps_release else Phase.ROLLED_BACK


async def _reopen(run: Run, former: Facts) -> None:
    """The displaced database can be read again, and only read. A failure leaves it fenced, which is safe."""
    for database in run.stack.databases:
        if name := former.get(database.name):
            try:
                await open_read_only(await run.hands.clusters.of(database, run.operation.id), name)
            except WatchdogError as error:
                log.warning("displaced_database_stays_fenced", database=name, reason=str(error))


def _audit(operation: Operation, now: datetime) -> Audit:
    detail = f"{operation.id} to {operation.target_release} {operation.detail}".strip()
    return Audit(operation.stack, now, operation.actor, f"rollback {operation.outcome}", detail)


def backup_of(operation: Operation, backups: tuple[Backup, ...]) -> Backup | None:
    """The operation's backup, found again after a restart."""
    return next((b for b in backups if b.timestamp == operation.backup), None)
