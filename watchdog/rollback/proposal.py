"""A proposal: a rollback that is due in mode `approve`, and waits for a person until it expires."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Decision(StrEnum):
    """How it ended. WITHDRAWN: another deployment or rollback came first."""

    OPEN = "open"
    APPROVED = "approved"
    ABORTED = "aborted"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One for each deployment. `release` and `backup` are its target, `plan` as in `rollback.plan`."""

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

    def open(self, now: datetime) -> bool:
        return self.decision is Decision.OPEN and now < self.expires_at
