"""What people are told of a rollback: the alerts at its beginning and its end, and the incident. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from watchdog.alert.alert import Alert, Level, alert
from watchdog.incident import Incident, Moment
from watchdog.rollback.operation import Facts, Operation, Outcome, StepRecord

LEVELS = {
    Outcome.SUCCEEDED: Level.INFO,
    Outcome.REFUSED: Level.CRITICAL,
    Outcome.ABORTED: Level.CRITICAL,
    Outcome.HELD: Level.CRITICAL,
}
ADVICE = {
    Outcome.REFUSED: "Nothing was touched. See 'ops-watchdog rollback --plan' for what is missing.",
    Outcome.ABORTED: "Nothing was replaced and what ran before runs again.",
    Outcome.HELD: "Services are left as they are and nothing was destroyed. Mend the cause, then go on.",
}
DATABASE_KEPT = "none: the database is kept"


def displaced(steps: tuple[StepRecord, ...]) -> Facts:
    """Each database that was swapped, to the name under which its former state stays."""
    return {live: name for step in steps for live, name in step.facts.get("displaced", {}).items()}


def describe(operation: Operation, steps: tuple[StepRecord, ...], todo: Sequence[str] = ()) -> Incident:
    """The incident of an operation; `todo` is what a person may do now, a line each."""
    moments = tuple(Moment(s.started_at, s.step, s.seconds, s.error) for s in steps)
    return Incident(
        id=operation.id,
        stack=operation.stack,
        outcome=operation.outcome.value,
        actor=operation.actor,
        started_at=operation.started_at,
        ended_at=operation.ended_at,
        reasons=operation.reasons,
        target=operation.target_release,
        backup=operation.backup,
        timeline=(Moment(operation.started_at, "decided", detail=_excuses(operation)), *moments),
        displaced=tuple(sorted(displaced(steps).items())),
        detail=" ".join([operation.detail, *todo]).strip(),
    )


def _excuses(operation: Operation) -> str:
    names = (*operation.excused, *operation.excused_services)
    return f"bad before the deployment already, so not demanded: {', '.join(names)}" if names else ""


def started(operation: Operation) -> Alert:
    """Told as soon as it is decided."""
    title = "rollback started"
    text = "\n".join(operation.reasons)
    return alert(operation.stack, Level.WARNING, title, text, operation.started_at, _fields(operation))


def finished(operation: Operation, steps: tuple[StepRecord, ...], todo: Sequence[str]) -> Alert:
    """How it ended, what is kept where, and what to do."""
    seconds = sum(step.seconds for step in steps)
    parts = [
        *operation.reasons,
        operation.detail,
        _excuses(operation),
        ADVICE.get(operation.outcome, ""),
        *todo,
        *_displaced_lines(operation, displaced(steps)),
        *_ground_lines(steps),
        *_where_next(operation, steps),
    ]
    text = "\n".join(part for part in parts if part)
    title = f"rollback {operation.outcome} after {seconds:.1f} s"
    at = operation.ended_at or operation.started_at
    return alert(operation.stack, LEVELS[operation.outcome], title, text, at, _fields(operation))


def _displaced_lines(operation: Operation, former: Facts) -> list[str]:
    what = "What was live before the undo is" if operation.undoes else "Rows written after the backup are"
    return [f"{what} kept in database {name}. How many: in a message of its own." for name in former.values()]


def _where_next(operation: Operation, steps: tuple[StepRecord, ...]) -> list[str]:
    """A rollback that failed says in its own words what to do; one that worked can be read up and undone."""
    if operation.outcome is not Outcome.SUCCEEDED:
        return []
    words = f"{operation.id} --stack {operation.stack}"
    retagged = [image for step in steps for image in step.facts.get("retagged", ())]
    lost = any(step.facts.get("placeholders") for step in steps)
    lines = [
        f"The tag {image} means the image of that release again on this host only: the next pull or build "
        f"brings the other one back."
        for image in retagged
    ]
    lines.append(f"What happened: ops-watchdog incidents show {words}")
    if (operation.keeps_release or operation.from_release) and not lost:
        lines.append(f"To take it back again: ops-watchdog rollback --undo {words}")
    return lines


def _ground_lines(steps: tuple[StepRecord, ...]) -> list[str]:
    """What the server had lost and got back (see `steps.ground`)."""
    roles = [role for step in steps for role in step.facts.get("created_roles", ())]
    gone = [name for step in steps for name in step.facts.get("placeholders", ())]
    lines = [f"Database {name} did not exist any more: what was displaced is empty." for name in gone]
    if roles:
        lines.append(f"Roles that were missing were created as the backup has them: {', '.join(roles)}.")
    return lines


def _fields(operation: Operation) -> tuple[tuple[str, str], ...]:
    returning = ", ".join(operation.returning.values())
    stays = operation.keeps_release or not operation.target_release
    release = "none: what runs stays" if stays else operation.target_release
    return (
        ("Incident", operation.id),
        *((("Undoes", operation.undoes),) if operation.undoes else ()),
        ("Goes back to", release),
        ("Backup", operation.backup or (f"none: {returning} comes back" if returning else DATABASE_KEPT)),
        ("Wanted by", operation.actor),
    )
