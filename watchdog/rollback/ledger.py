"""The ledger: everything that must outlive the process, written in transactions that reach the disk.

`write` takes any records and commits them together: a state change, its audit row and its alert are one
transaction (design rules 2 and 11). Implemented by `adapters.sqlite_ledger`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from watchdog.alert import Alert
from watchdog.alert.alarm import Alarm
from watchdog.deploy.changes import Parts
from watchdog.deploy.deployment import Deployment
from watchdog.deploy.page import Page
from watchdog.rollback.displaced import Displaced
from watchdog.rollback.operation import Operation, StepRecord
from watchdog.rollback.proposal import Proposal
from watchdog.rollback.suspension import Suspension
from watchdog.stack import Release


class Standing(StrEnum):
    """What is known of a release by experience. CLEARED: a person brought a failed one back by an undo."""

    GOOD = "good"
    FAILED = "failed"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Mark:
    """A release, by its fingerprint, was seen good or failed. The newest mark of a fingerprint counts.

    `parts`: what it consisted of, by which it is recognised when only some of it comes back.
    """

    stack: str
    fingerprint: str
    standing: Standing
    at: datetime
    reason: str = ""
    parts: Parts = ()


@dataclass(frozen=True, slots=True)
class Audit:
    """Who did what to a stack."""

    stack: str
    at: datetime
    actor: str
    action: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Transition:
    """A check changed its state (not every sample is kept)."""

    stack: str
    check: str
    state: str
    at: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """One line of the story that `explain` tells: why something was done, or was not.

    `kind`: verdict, decision, refusal, armed, quarantine, suspension. `deployment`: whose story, by its ID.
    """

    stack: str
    at: datetime
    kind: str
    text: str
    deployment: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the guard last took for granted: (service, image ID, config hash) of every service.

    A container made of anything else is a deployment, also if it appeared while the daemon was away. `good`
    is the ID of the last known good release at that moment; None where there is none any more.
    """

    stack: str
    services: tuple[tuple[str, str, str], ...]
    at: datetime
    good: str | None = None


Record = (
    Release
    | Mark
    | Deployment
    | Operation
    | StepRecord
    | Alert
    | Audit
    | Transition
    | Seen
    | Displaced
    | Noted
    | Suspension
    | Proposal
    | Alarm
    | Page
)

Happened = TypeVar("Happened", Transition, Noted, Alert, Audit)
"""What has a moment of its own, and may be asked for by time."""


class Ledger(Protocol):
    """Reads and writes. Raises `WatchdogError` where the state directory cannot be used."""

    async def write(self, *records: Record) -> None:
        """Commit all of them in one transaction, or none."""
        ...

    async def release(self, release_id: str) -> Release | None: ...

    async def newest_release(self, stack: str, fingerprint: str | None = None) -> Release | None:
        """The release captured last, of this fingerprint where one is given."""
        ...

    async def marks(self, stack: str) -> dict[str, Mark]:
        """Fingerprint to its newest mark."""
        ...

    async def last_known_good(self, stack: str) -> Release | None:
        """The release marked good last, if it is not marked failed since."""
        ...

    async def deployments(self, stack: str, limit: int = 20) -> tuple[Deployment, ...]:
        """Newest first."""
        ...

    async def deployment(self, deployment_id: str) -> Deployment | None: ...

    async def operations(self, stack: str, limit: int = 20) -> tuple[Operation, ...]:
        """Newest first."""
        ...

    async def operation(self, operation_id: str) -> Operation | None: ...

    async def steps(self, operation_id: str) -> tuple[StepRecord, ...]:
        """In the order in which they were begun."""
        ...

    async def displaced(self, stack: str) -> tuple[Displaced, ...]:
        """Every database that was ever displaced, oldest first."""
        ...

    async def seen(self, stack: str) -> Seen | None: ...

    async def transitions(self, stack: str, limit: int = 100) -> tuple[Transition, ...]:
        """Newest first."""
        ...

    async def colours(self, stack: str) -> tuple[Transition, ...]:
        """The newest transition of each check, however long ago."""
        ...

    async def audits(self, stack: str, limit: int = 100) -> tuple[Audit, ...]:
        """Newest first."""
        ...

    async def noted(self, stack: str, deployment: str | None = None, limit: int = 200) -> tuple[Noted, ...]:
        """Newest first; of one deployment where it is named."""
        ...

    async def suspensions(self, stack: str) -> tuple[Suspension, ...]:
        """The newest of each kind, over or not."""
        ...

    async def proposal(self, deployment: str) -> Proposal | None: ...

    async def alarms(self, stack: str) -> tuple[Alarm, ...]:
        """The newest of each subject, cleared or not."""
        ...

    async def during(
        self, kind: type[Happened], stack: str, since: datetime, until: datetime, limit: int = 500
    ) -> tuple[Happened, ...]:
        """The oldest of what happened from `since` to `until`, both included."""
        ...

    async def tally(self, kind: type[Deployment] | type[Operation], stack: str) -> dict[str, int]:
        """How many deployments ever stood in each phase, or rollbacks in each outcome."""
        ...

    async def trim(self, stack: str, keep: int) -> int:
        """Let go of all but the newest `keep` lines noted, and transitions; a check's last one stays."""
        ...

    async def pages(self, stack: str) -> tuple[Page, ...]:
        """The maintenance pages that we put in place and may not have removed yet."""
        ...

    async def pending_alerts(self) -> tuple[Alert, ...]: ...

    async def save_alert(self, alert: Alert) -> None: ...
