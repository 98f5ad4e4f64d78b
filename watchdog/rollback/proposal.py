"""A proposal: a rollback that is due in mode `approve`, and waits for a person until it expires."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Decision(StrEnum):
    """How it ended. WITHDRAWN: another deployment or rollback came first, or it does not fit any more."""

    OPEN = "open"
    APPROVED = "approved"
    ABORTED = "aborted"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One for each deployment. `release` and `backup` are its target, `plan` as in `rollback.plan`.

    `decided_at`, `actor`, `reason`: when, by whom and why it was decided as it was.
    """

    deployment: str
    stack: str
    at: datetime
    expires_at: datetime
    release: str
    backup: str | None
    plan: str
    reasons: tuple[str, ...]
    decision: Decision = Decision.OPEN
    decided_at: datetime | None = None
    actor: str = ""
    reason: str = ""

    def open(self, now: datetime) -> bool:
        return self.decision is Decision.OPEN and now < self.expires_at

    @property
    def wanted(self) -> tuple[str, str | None, str]:
        """What a person is asked about: release, backup and plan."""
        return wanted(self.release, self.backup, self.plan)


def wanted(release: str, backup: str | None, plan: str) -> tuple[str, str | None, str]:
    """Comparable: whether the database's own service comes up first is no other decision."""
    return release, backup, plan.removesuffix(" after recovery")
