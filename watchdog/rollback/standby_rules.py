"""When a standby copy is made, and how long it is kept: pure decisions, each with its reason.

`daemon.preparing` asks them; the operator reads the reasons in `status`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchdog.deploy.deployment import Deployment, Phase
from watchdog.rollback.operation import Operation
from watchdog.rollback.policy import DatabasePolicy, Mode, RollbackPolicy, StandbyPolicy

PLENTY = 2.5
"""Times the databases' size: the copy, its write-ahead log (0.8 x, measured), and what a migration adds."""
KEPT_FOR = timedelta(hours=24)
"""After a deployment that failed and was not rolled back: a person may want to, within a day."""


@dataclass(frozen=True, slots=True)
class Room:
    """One server: how many bytes it has free, and the databases to be copied beside themselves, in bytes."""

    server: str
    free_bytes: int
    sizes: Mapping[str, int]


def unwanted(policy: RollbackPolicy, deployment: Deployment) -> str:
    """Why no rollback of this deployment would use a copy of its backup; empty where one might."""
    if policy.standby is StandbyPolicy.NEVER:
        return "rollback.standby is never"
    if policy.mode is Mode.OFF or policy.database is DatabasePolicy.NEVER:
        return "by rollback.mode or rollback.database no rollback restores a database"
    if not deployment.allowed:
        return "it was deployed with --no-rollback"
    if deployment.backup is None:
        return "what ran before this deployment is not the last known good release"
    return ""


def cramped(policy: RollbackPolicy, rooms: Sequence[Room], reserve_bytes: int) -> str:
    """Why the copies are too large for the policy or for a server; empty where they fit."""
    auto = policy.standby is StandbyPolicy.AUTO
    for room in rooms:
        for name, size in room.sizes.items() if auto else ():
            if size > policy.standby_max_size:
                most = _mib(policy.standby_max_size)
                return f"database {name} has {_mib(size)} MiB, and rollback.standby_max_size is {most} MiB"
        total = sum(room.sizes.values())
        wanted = round(total * PLENTY) if auto else total + reserve_bytes
        if room.free_bytes < wanted:
            basis = f"{PLENTY} x the size of" if auto else "backup.disk_reserve beside a copy of"
            return (
                f"{room.server} has {_mib(room.free_bytes)} MiB free, and a standby copy wants {_mib(wanted)}"
                f" MiB ({basis} {', '.join(room.sizes)})"
            )
    return ""


def needed(
    deployments: Sequence[Deployment], operations: Sequence[Operation], now: datetime
) -> frozenset[str]:
    """The backups, by timestamp, whose copies a rollback may still want. Newest first, both.

    Those of open rollbacks and deployments, and of the newest deployment for a day after it failed. What the
    newest one superseded counts while its own command runs, which may turn out to change nothing, and where
    it has no backup of its own: it would be rolled back to that of its predecessor.
    """
    named = {operation.backup for operation in operations if operation.open}
    named |= {deployment.backup for deployment in deployments if deployment.open}
    for number, deployment in enumerate(deployments):
        counts = deployment.phase is Phase.SUPERSEDED if number else _may_be_rolled_back(deployment, now)
        if not counts:
            break
        named.add(deployment.backup)
        if deployment.backup is not None and deployment.phase is not Phase.DEPLOYING:
            break
    return frozenset(timestamp for timestamp in named if timestamp)


def _may_be_rolled_back(deployment: Deployment, now: datetime) -> bool:
    ended = deployment.ended_at
    failed = deployment.phase is Phase.FAILED and (ended is None or now - ended < KEPT_FOR)
    return failed or deployment.open


def _mib(size_bytes: int) -> int:
    return size_bytes // 1024**2
