"""What an undo brings back, decided from the journal: a pure function, for the command and its plan.

The newer release and the databases that its rollback displaced belong together (design rule 4): both come
back, or the undo is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from watchdog.errors import Refused, UsageError
from watchdog.rollback.operation import KEEPS_DATABASE, Operation, Outcome, Progress, StepRecord
from watchdog.rollback.report import displaced
from watchdog.rollback.steps.stop import STATES_OF_RUNNING
from watchdog.stack import Release

Journal = Mapping[str, tuple[StepRecord, ...]]
"""The steps of each operation, by its ID."""

STOPPED_BY_SIGNAL = frozenset({0, 137, 143})
"""Exit codes of a container that ended well or was told to stop; any other is a crash."""


EXCHANGES = frozenset({"restore_database", "return_database"})
"""The steps that swap."""


@dataclass(frozen=True, slots=True)
class Undo:
    """`release` is the ID of the one to bring back; None where the one that runs stays.

    `origin` is the operation that displaced what comes back: the one named, or a held one before it.
    """

    undoes: str
    plan: str
    release: str | None
    returning: Mapping[str, str]
    origin: Operation


def undo(wanted: str, operations: Sequence[Operation], journal: Journal, running: str) -> Undo:
    """How to undo the operation `wanted`.

    `operations` of the stack, newest first; `running` is the fingerprint of what runs. Raises `UsageError`
    where there is no such operation, `Refused` where it cannot be undone.
    """
    operation = _find(wanted, operations)
    tried = _require_last(operation, operations)
    for each in (operation, *tried):
        _require_whole(each, journal)
    origin = _origin(operation, operations, journal)
    returning = {**displaced(journal[operation.id]), **displaced(journal[origin.id])}
    _require_former(returning, journal[origin.id])
    if any(displaced(journal[earlier.id]) for earlier in tried):
        returning = {}  # they came back already: release and files are what is left to do
    elif not returning and running not in {operation.target_fingerprint, operation.from_fingerprint}:
        raise Refused(
            f"something else runs by now than rollback {wanted} left, and the database was kept: whether the "
            f"newer release still fits its schema, nobody can tell; deploy it anew"
        )
    if origin.keeps_release and running == origin.from_fingerprint and returning:
        return Undo(wanted, "undo database only", None, returning, origin)
    if origin.from_release is None:
        raise Refused(
            f"what ran before rollback {wanted} was never captured, so it cannot be brought back; deploy it "
            f"again, and get at its rows with 'ops-watchdog incidents salvage {wanted}'"
        )
    return Undo(wanted, "undo" if returning else "keep database", origin.from_release, returning, origin)


def as_it_ran(release: Release, steps: Sequence[StepRecord]) -> Release:
    """The release with every service running that ran, or had crashed, when its rollback began.

    It may have been captured while it was failing; what a person had stopped stays stopped.
    """
    found = [c for s in steps if s.step == "preflight" for c in s.facts.get("containers", [])]
    alive = {c["service"] for c in found if c["state"] in STATES_OF_RUNNING or _crashed(c)}
    services = tuple(replace(s, running=s.running or s.service in alive) for s in release.services)
    if services == release.services:
        return release
    return replace(release, id=f"{release.id}-undo", services=services)


def _find(wanted: str, operations: Sequence[Operation]) -> Operation:
    if (open_one := next((o for o in operations if o.open), None)) is not None:
        raise Refused(f"rollback {open_one.id} is not over yet; wait for it, then look at 'status'")
    found = next((o for o in operations if o.id == wanted), None)
    if found is None:
        known = ", ".join(o.id for o in operations[:3]) or "none at all"
        raise UsageError(f"there is no rollback {wanted}; the newest: {known}")
    return found


def _require_last(operation: Operation, operations: Sequence[Operation]) -> list[Operation]:
    """Held attempts to undo it may follow; nothing else. Returns them."""
    if not _acted(operation):
        raise Refused(f"rollback {operation.id} was {operation.outcome}: it changed nothing to undo")
    later = [o for o in operations[: operations.index(operation)] if _acted(o)]
    tried = [o for o in later if o.undoes == operation.id and o.outcome is Outcome.HELD]
    if others := [o for o in later if o not in tried]:
        raise Refused(
            f"rollback {others[0].id} happened since, so what {operation.id} displaced belongs no longer to "
            f"what runs; undo that one first: 'ops-watchdog rollback --undo {others[0].id}'"
        )
    return tried


def _require_whole(operation: Operation, journal: Journal) -> None:
    """What failed within the exchange may have exchanged one server's databases and not the next one's."""
    steps = {s.step: s.progress for s in journal[operation.id]}
    failed = any(steps.get(step) is Progress.FAILED for step in EXCHANGES)
    if failed and steps.get("require_not_swapped") is not Progress.DONE:
        raise Refused(
            f"rollback {operation.id} was held while it exchanged the databases, and they may stand "
            f"exchanged in part: a person has to look at their names first ('\\l' in psql)"
        )


def _require_former(returning: Mapping[str, str], steps: Sequence[StepRecord]) -> None:
    """An empty database stands for one that was gone: there is nothing in it to come back."""
    gone = {name for step in steps for name in step.facts.get("placeholders", ())}
    if lost := sorted(gone & returning.keys()):
        raise Refused(
            f"there was no database {', '.join(lost)} any more before that rollback, so nothing could come "
            f"back with the newer release; deploy it again instead"
        )


def _origin(operation: Operation, operations: Sequence[Operation], journal: Journal) -> Operation:
    """The one that began it: a rollback that was held and gone on with counts as one with what followed.

    Otherwise a release would come back over the database that a held swap had put in its place.
    """
    origin = operation
    for earlier in operations[operations.index(operation) + 1 :]:
        if not _acted(earlier):
            continue
        if earlier.outcome is not Outcome.HELD or not _continued(earlier, origin):
            break
        _require_whole(earlier, journal)
        origin = earlier
    return origin


def _continued(held: Operation, by: Operation) -> bool:
    """What ran before the held one had not been replaced yet, or the images and files were all that was left.

    The journal of an older version does not say what ran (empty): then neither does the origin.
    """
    if held.from_fingerprint in {"", by.from_fingerprint}:
        return True
    return by.plan in KEEPS_DATABASE and held.target_fingerprint == by.from_fingerprint


def _acted(operation: Operation) -> bool:
    return operation.outcome in {Outcome.SUCCEEDED, Outcome.HELD}


def _crashed(container: Mapping[str, object]) -> bool:
    return container["state"] == "exited" and container.get("exit_code", 0) not in STOPPED_BY_SIGNAL
