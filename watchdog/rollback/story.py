"""The story of a deployment or a rollback, for `explain`: why was it rolled back, or why not? Pure.

Told from what the ledger holds: rows that were written when it happened, so that it can be told weeks later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchdog.alert.alert import Alert
from watchdog.deploy.deployment import Deployment, Kind, Phase
from watchdog.rollback.ledger import Audit, Noted, Transition
from watchdog.rollback.operation import Operation, Outcome, Progress, StepRecord

ENDS = {
    Phase.DEPLOYING: "its command is still running",
    Phase.MONITORING: "it is still being watched",
    Phase.GOOD: "it stayed healthy through its window: nothing to roll back",
    Phase.FAILED: "it failed",
    Phase.ROLLED_BACK: "it failed and was rolled back",
    Phase.SUPERSEDED: "another deployment took its place before its window was over",
    Phase.UNDECIDED: "its window ended without a decision: neither healthy nor failed",
}
OUTCOMES = {
    Outcome.RUNNING: "is under way",
    Outcome.SUCCEEDED: "succeeded",
    Outcome.REFUSED: "was refused at its preflight: nothing was touched",
    Outcome.ABORTED: "was aborted: what ran before runs again",
    Outcome.HELD: "is held: a person has to decide",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. `kind`: what sort of thing, for who draws it."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Sources:
    """What is known; `deployment` is None where a person rolled back without one."""

    deployment: Deployment | None
    operations: Sequence[Operation]
    steps: Sequence[StepRecord] = ()
    noted: Sequence[Noted] = ()
    transitions: Sequence[Transition] = ()
    alerts: Sequence[Alert] = ()
    audits: Sequence[Audit] = ()


def story(sources: Sources) -> tuple[Line, ...]:
    """Everything in the order in which it happened."""
    lines = [
        *(_deployment(sources.deployment) if sources.deployment else ()),
        *(line for operation in sources.operations for line in _operation(operation)),
        *(line for step in sources.steps for line in _step(step)),
        *(Line(note.at, note.kind, note.text) for note in sources.noted),
        *(
            Line(t.at, "check", f"check {t.check} is {t.state}{_after(t.detail)}")
            for t in sources.transitions
        ),
        *(Line(alert.at, "alert", f"told ({alert.level}): {alert.title}") for alert in sources.alerts),
        *(Line(a.at, "audit", f"{a.actor}: {a.action}{_after(a.detail)}") for a in sources.audits),
    ]
    return tuple(sorted(lines, key=lambda line: line.at))


def headline(sources: Sources) -> str:
    """The answer in a sentence: was it rolled back, and why (not)?"""
    deployment, operations = sources.deployment, sources.operations
    if deployment is None:
        return "; ".join(f"rollback {o.id} {OUTCOMES[o.outcome]}{_after(o.detail)}" for o in operations)
    ended = f"deployment {deployment.id}: {ENDS[deployment.phase]}"
    if deployment.phase is Phase.FAILED and not operations:
        return f"{ended}; {_refusal(sources.noted) or _reasons(deployment)}"
    newest = operations[-1:]
    return "; ".join([ended, *(f"rollback {o.id} {OUTCOMES[o.outcome]}{_after(o.detail)}" for o in newest)])


def _refusal(noted: Iterable[Noted]) -> str:
    last = [note.text for note in noted if note.kind in {"refusal", "decision"}]
    return last[-1] if last else ""


def _reasons(deployment: Deployment) -> str:
    """Of one that was closed without asking what to do: nothing had changed."""
    return "; ".join(deployment.reasons) if deployment.ended_at else "what follows is not decided yet"


def _deployment(deployment: Deployment) -> Iterator[Line]:
    yield Line(deployment.started_at, "deployment", _begun(deployment))
    if deployment.command_ended_at and deployment.kind is Kind.ANNOUNCED:
        code = "" if deployment.exit_code is None else f" with exit code {deployment.exit_code}"
        yield Line(deployment.command_ended_at, "deployment", f"its command ended{code}")
    if deployment.healthy_at:
        yield Line(deployment.healthy_at, "deployment", "it was healthy; the window went on")
    if deployment.ended_at:
        yield Line(deployment.ended_at, "deployment", f"closed: {ENDS[deployment.phase]}")


def _begun(deployment: Deployment) -> str:
    how = f"'{' '.join(deployment.command)}'" if deployment.command else "observed, announced by nobody"
    target = deployment.target_release
    back = f"would go back to release {target}" if target else "no known good release to go back to"
    backup = f" with backup {deployment.backup}" if target and deployment.backup else ""
    allowed = "" if deployment.allowed else "; --no-rollback"
    bad = sorted(deployment.baseline_red | deployment.baseline_unhealthy)
    excused = f"; bad before already, so no evidence: {', '.join(bad)}" if bad else ""
    return f"deployment {how}; {back}{backup}{allowed}{excused}"


def _operation(operation: Operation) -> Iterator[Line]:
    why = _after("; ".join(operation.reasons))
    wanted = "decided by the daemon" if operation.actor == "automatic" else f"wanted by {operation.actor}"
    backup = f", backup {operation.backup}" if operation.backup else ""
    target = f"to release {operation.target_release or '-'}{backup} ({operation.plan})"
    yield Line(operation.started_at, "rollback", f"rollback {operation.id} {target}, {wanted}{why}")
    if operation.ended_at:
        yield Line(
            operation.ended_at,
            "rollback",
            f"rollback {OUTCOMES[operation.outcome]}{_after(operation.detail)}",
        )


def _step(step: StepRecord) -> Iterator[Line]:
    name = step.step.replace("_", " ")
    if step.progress is Progress.INTENT or step.ended_at is None:
        yield Line(step.started_at, "step", f"{name}: begun")
    elif step.progress is Progress.FAILED:
        yield Line(step.ended_at, "step", f"{name}: failed after {step.seconds:.2f} s{_after(step.error)}")
    else:
        yield Line(step.ended_at, "step", f"{name}: done in {step.seconds:.2f} s")


def _after(text: str) -> str:
    return f": {text}" if text else ""
