"""Armed or not, and why: is an automatic rollback possible now? A pure function, shown by `status`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from watchdog.backup.backup import Backup
from watchdog.clock import Uptime
from watchdog.rollback.operation import Operation
from watchdog.rollback.policy import Mode, RollbackPolicy
from watchdog.rollback.suspension import Suspension
from watchdog.rollback.target import budget_spent
from watchdog.stack import Release, Stack


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a stack at one moment.

    `captured`: the release that runs, or None with `uncaptured` as the reason. `good`: the last known good.
    `missing_images`: references of the good release that are no longer on this host. `red`: required checks
    that are red. `obstacles`: what the database would refuse.
    `recent`: rollbacks, newest first. `suspended`: what holds now. `held`: the rollback that waits for a
    person.
    """

    stack: Stack
    policy: RollbackPolicy
    captured: Release | None
    uncaptured: str
    good: Release | None
    missing_images: tuple[str, ...]
    backups: Sequence[Backup]
    red: frozenset[str]
    reachable: bool
    obstacles: tuple[str, ...]
    recent: Sequence[Operation]
    now: datetime
    suspended: Sequence[Suspension] = ()
    held: Operation | None = None
    uptime: Uptime | None = None


def unarmed(situation: Situation) -> tuple[str, ...]:
    """Why automatic rollback is not possible now, each as a sentence; empty means armed."""
    s = situation
    reasons = []
    if s.policy.mode is not Mode.AUTO:
        reasons.append(f"rollback.mode is {s.policy.mode}")
    reasons += [str(suspension) for suspension in s.suspended]
    if s.held is not None:
        reasons.append(f"rollback {s.held.id} is held and waits for a person ('ops-watchdog status')")
    if not s.reachable:
        reasons.append("Docker does not answer")
    if s.captured is None:
        reasons.append(f"the running release is not captured: {s.uncaptured}")
    if s.good is None:
        reasons.append("no release has been seen healthy long enough yet")
    if s.missing_images:
        reasons.append(f"images of the last known good release are gone: {', '.join(s.missing_images)}")
    if s.red:
        reasons.append(f"red already: {', '.join(sorted(s.red))}")
    if spent := budget_spent(s.recent, s.now, s.uptime):
        reasons.append(spent)
    return (*reasons, *s.obstacles, *_without_backup(s))


def _without_backup(s: Situation) -> tuple[str, ...]:
    """An announced deployment makes its own backup; the others need one that exists."""
    if s.stack.databases and not any(backup.complete for backup in s.backups):
        return ("there is no complete backup yet ('ops-watchdog backup' makes one)",)
    return ()
