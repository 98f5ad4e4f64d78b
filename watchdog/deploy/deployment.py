"""A deployment: the change from one release to another, from its first sign to its end.

A row in the ledger, so that the window, its baseline and its reasons outlive the daemon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from watchdog.deploy.caller import Caller


class Kind(StrEnum):
    """ANNOUNCED by `ops-watchdog deploy`; OBSERVED when containers of another making appeared."""

    ANNOUNCED = "announced"
    OBSERVED = "observed"


class Phase(StrEnum):
    """Where it stands. DEPLOYING and MONITORING are open, the others are ends."""

    DEPLOYING = "deploying"
    MONITORING = "monitoring"
    GOOD = "good"
    FAILED = "failed"
    ROLLED_BACK = "rolled back"
    SUPERSEDED = "superseded"
    UNDECIDED = "undecided"


OPEN = frozenset({Phase.DEPLOYING, Phase.MONITORING})


@dataclass(frozen=True, slots=True)
class Watched:
    """How far its window has come; the words are those of `health.window.Progress`, which it outlives."""

    clock_set: timedelta = timedelta(0)
    waited: timedelta = timedelta(0)
    present: frozenset[str] = frozenset()
    stopped: frozenset[tuple[str, datetime | None]] = frozenset()
    complete_at: datetime | None = None
    unseen_from: datetime | None = None
    unseen: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Deployment:
    """One change of the stack.

    Attributes:
        command: What was run, for an announced one, as it may be shown; never interpreted.
        caller: In whose terminal it runs.
        target_release, backup: The pair to go back to (release ID, backup timestamp), chosen when it began.
        baseline: Containers that were there before it: ID to restart count.
        baseline_red, baseline_unhealthy: Required checks, and services by their own health check, that
            were bad before it already: they prove nothing about it.
        baseline_restarting: Of these services, those that crashed again and again.
        baseline_unproven: Required checks that were neither red nor green then: they prove nothing until
            they have been green.
        expected: Services that ran before it and must run after it.
        allowed: False for `--no-rollback`: failures are reported, nothing is rolled back.
        healthy_at: When it was first healthy for `min_healthy_time`.
        green_since: Since when everything has been green without a break.
    """

    id: str
    stack: str
    kind: Kind
    phase: Phase
    started_at: datetime
    command: tuple[str, ...] = ()
    caller: Caller | None = None
    command_ended_at: datetime | None = None
    exit_code: int | None = None
    from_fingerprint: str = ""
    to_fingerprint: str = ""
    target_release: str | None = None
    backup: str | None = None
    baseline: Mapping[str, int] = field(default_factory=dict)
    baseline_red: frozenset[str] = frozenset()
    baseline_unproven: frozenset[str] = frozenset()
    baseline_unhealthy: frozenset[str] = frozenset()
    baseline_restarting: frozenset[str] = frozenset()
    expected: frozenset[str] = frozenset()
    allowed: bool = True
    green_since: datetime | None = None
    healthy_at: datetime | None = None
    ended_at: datetime | None = None
    reasons: tuple[str, ...] = ()
    watched: Watched = Watched()

    @property
    def judged_from(self) -> datetime | None:
        """From when its window counts, by the clock of now, which may have been set since its command ended.

        What a migration holds up is watched from its start on.
        """
        if self.command_ended_at is None:
            return None
        ended = self.command_ended_at + self.watched.clock_set
        return max(ended, self.watched.complete_at or ended)

    @property
    def open(self) -> bool:
        return self.phase in OPEN
