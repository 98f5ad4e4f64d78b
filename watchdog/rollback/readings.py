"""What can be measured of a stack from outside, as numbers with names: for metrics. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchdog.backup.backup import Backup
from watchdog.deploy.deployment import OPEN
from watchdog.rollback.operation import Outcome

HELP = {
    "armed": "1 where a deployment that fails now is rolled back automatically, else 0",
    "docker_up": "1 where Docker answered when it was asked last, else 0",
    "seconds_since_look": "Seconds since the stack's containers were inspected last",
    "check_up": "1 where the check is green, 0 where it is red",
    "backup_complete": "1 where the newest backup is complete, else 0",
    "backup_age_seconds": "Seconds since the newest complete backup",
    "backup_size_bytes": "Size of the newest complete backup",
    "backups": "How many backups lie in the directory",
    "deployments": "Deployments by how they ended",
    "rollbacks": "Rollbacks by how they ended",
    "alerts_pending": "Alerts that no receiver has taken yet",
}
"""Name to what it means; each name is preceded by the program's."""
COUNTED = frozenset({"deployments", "rollbacks"})
"""These only grow, as long as the state is kept."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """One number. `name` is a key of `HELP`; `labels` are name/value pairs."""

    name: str
    value: float
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a guard knows of its stack. `armed`: None until it was found out; `checks`: green ones are True.

    `since_look`: None until it has looked. `backups` newest first. `phases`, `outcomes`: how often each.
    """

    stack: str
    armed: bool | None
    reachable: bool
    since_look: timedelta | None
    checks: Mapping[str, bool]
    backups: Sequence[Backup]
    phases: Mapping[str, int]
    outcomes: Mapping[str, int]


Read = Callable[[], Awaitable[Sequence[Reading]]]


def of_stack(seen: Seen, now: datetime) -> Iterator[Reading]:
    """What is not known has no reading: a wrong number is worse than none."""
    stack = (("stack", seen.stack),)
    if seen.armed is not None:
        yield Reading("armed", seen.armed, stack)
    yield Reading("docker_up", seen.reachable, stack)
    if seen.since_look is not None:
        yield Reading("seconds_since_look", seen.since_look.total_seconds(), stack)
    for name, green in seen.checks.items():
        yield Reading("check_up", green, (*stack, ("check", name)))
    yield from _of_backups(seen.backups, stack, now)
    ended = {phase: count for phase, count in seen.phases.items() if phase not in OPEN}
    yield from _counted("deployments", "phase", ended, stack)
    done = {outcome: count for outcome, count in seen.outcomes.items() if outcome != Outcome.RUNNING}
    yield from _counted("rollbacks", "outcome", done, stack)


def _of_backups(backups: Sequence[Backup], stack: Labels, now: datetime) -> Iterator[Reading]:
    yield Reading("backups", len(backups), stack)
    for newest in backups[:1]:
        yield Reading("backup_complete", newest.complete, stack)
    for newest in [backup for backup in backups if backup.complete][:1]:
        yield Reading("backup_age_seconds", (now - newest.at).total_seconds(), stack)
        yield Reading("backup_size_bytes", newest.size_bytes, stack)


def _counted(name: str, label: str, counts: Mapping[str, int], stack: Labels) -> Iterable[Reading]:
    return (Reading(name, count, (*stack, (label, which))) for which, count in sorted(counts.items()))
