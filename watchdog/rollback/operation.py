"""One run of a plan: what it is about, where each step stands, and how it ended. Rows in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from watchdog.clock import Uptime

Facts = Mapping[str, Any]
"""What a step found out or decided, as JSON values: a later step, or the next process, reads it."""

KEEPS_DATABASE = frozenset({"keep database", "keep database after recovery"})
"""Plans that bring no other database in the live one's place."""
RECOVERS = frozenset({"full after recovery", "keep database after recovery", "undo after recovery"})
"""Plans that bring the target's own database service up first: it is down, gone, or of another making."""
KEEPS_RELEASE = frozenset({"database only", "undo database only"})
"""Plans that change the database alone: the containers that were stopped are started again."""


class Outcome(StrEnum):
    """How a rollback stands. The four ends are the design's words."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    ABORTED = "aborted"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Operation:
    """A rollback.

    Attributes:
        plan: The name of the plan in `plan.PLANS`.
        target_release, backup: The pair to go back to; backup is None where the plan leaves data alone.
        deployment: The deployment that it undoes, where there is one.
        actor: Who wanted it: `automatic`, or `user NAME (uid N)`.
        reasons: Why, as sentences.
        excused, excused_services: Required checks, and services by their own health check, that were bad
            before the deployment already: the rollback need not turn them green.
        detail: For an end that is not success: what went wrong and what to do.
        from_release, from_fingerprint: What ran when it began, for the undo; the release is None where it
            was not captured.
        target_fingerprint: Of the release to go back to.
        undoes: The operation that this one undoes.
        returning: For an undo: live database to the displaced one that comes back in its place.
        uptime: The host's when it began: the wall clock may jump, and the budget counts by time that passed.
        resolved_at: For a held one: when a person said that it is dealt with (see `held`).
    """

    id: str
    stack: str
    plan: str
    target_release: str
    backup: str | None
    deployment: str | None
    actor: str
    reasons: tuple[str, ...]
    started_at: datetime
    outcome: Outcome = Outcome.RUNNING
    ended_at: datetime | None = None
    detail: str = ""
    excused: tuple[str, ...] = ()
    excused_services: tuple[str, ...] = ()
    from_release: str | None = None
    from_fingerprint: str = ""
    target_fingerprint: str = ""
    undoes: str | None = None
    returning: Mapping[str, str] = field(default_factory=dict)
    uptime: Uptime | None = None
    resolved_at: datetime | None = None

    @property
    def keeps_release(self) -> bool:
        """Images and files stay as they are."""
        return self.plan in KEEPS_RELEASE

    @property
    def recovers(self) -> bool:
        """The database's own service is part of what is brought back."""
        return self.plan in RECOVERS

    @property
    def open(self) -> bool:
        return self.outcome is Outcome.RUNNING


class Progress(StrEnum):
    """Where a step stands: INTENT is written before it acts."""

    INTENT = "intent"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """The journal's row of one step of one operation; a step that is repeated overwrites its row."""

    operation: str
    step: str
    progress: Progress
    started_at: datetime
    ended_at: datetime | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def seconds(self) -> float:
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else 0.0
