"""Where to go back to, decided in one place for daemon and command line: pure functions over what is known.

Each returns the pair (release, backup), or raises `Refused` or `UsageError` with the reason and the remedy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchdog.backup.backup import Backup
from watchdog.clock import Uptime
from watchdog.deploy.deployment import Deployment, Kind
from watchdog.errors import Refused
from watchdog.rollback.ledger import Mark, Standing
from watchdog.rollback.operation import Operation, Outcome
from watchdog.rollback.policy import DatabasePolicy, RollbackPolicy
from watchdog.stack import Container, Release, ServiceRelease, Stack

AUTOMATIC = "automatic"
DAY = timedelta(hours=24)
SCHEMA_UNKNOWN = "nobody knows the schema of a script's backup: whether what runs fits it, you decide"
PER_DAY = 2
"""Automatic rollbacks of one stack in 24 h (design rule 7): beyond that a person has to look."""


@dataclass(frozen=True, slots=True)
class Target:
    """The pair to go back to; `backup` is None where there is no data to restore.

    `notes`: what a person should know of it, as sentences.
    """

    release: Release
    backup: Backup | None
    notes: tuple[str, ...] = ()


def permit(
    deployment: Deployment, operations: Iterable[Operation], now: datetime, uptime: Uptime | None = None
) -> None:
    """Raise `Refused` where an automatic rollback of this deployment would be one too many."""
    automatic = [o for o in operations if o.actor == AUTOMATIC]
    if any(o.deployment == deployment.id for o in automatic):
        raise Refused(f"deployment {deployment.id} was rolled back already; a rollback is never rolled back")
    if spent := budget_spent(automatic, now, uptime):
        raise Refused(spent)


def budget_spent(operations: Iterable[Operation], now: datetime, uptime: Uptime | None = None) -> str:
    """Why no further automatic rollback of this stack is due yet; empty where one is.

    Whatever touched something counts, held ones too; a refused one did not, and what a person approved is the
    person's. `uptime`: the host's now, by which a jump of the wall clock neither frees the budget nor blocks
    it for ever.
    """
    acted = [o for o in operations if o.actor == AUTOMATIC and o.outcome is not Outcome.REFUSED]
    ages = sorted(age for o in acted if (age := _age(o, now, uptime)) < DAY)
    if len(ages) < PER_DAY:
        return ""
    again = (now + DAY - ages[PER_DAY - 1]).astimezone()
    return (
        f"{len(ages)} automatic rollbacks in 24 h: something else is wrong; the next one is possible from "
        f"{again:%Y-%m-%d %H:%M} on, until then decide by hand with 'ops-watchdog rollback'"
    )


def _age(operation: Operation, now: datetime, uptime: Uptime | None) -> timedelta:
    """By the host's uptime where it has not been booted since; by the wall clock else."""
    passed = uptime.since(operation.uptime) if uptime else None
    return now - operation.started_at if passed is None else passed


def automatic_target(
    deployment: Deployment,
    good: Release | None,
    backups: Sequence[Backup],
    marks: Mapping[str, Mark],
    runs: bool,
) -> Target:
    """The last known good release with the deployment's own backup, or the newest of that release.

    `runs`: that release is what runs, its mounted files included; `backups` newest first.
    """
    if good is None:
        raise Refused("no release has been seen healthy yet: there is nothing to go back to")
    mark = marks.get(good.fingerprint)
    if mark is not None and mark.standing is Standing.FAILED:
        raise Refused(f"release {good.id} failed before ({mark.reason}): there is nothing good to go back to")
    if runs:
        raise Refused(f"what runs is release {good.id} itself: going back to it would change nothing")
    return Target(good, _backup_for(deployment, good, backups))


def _backup_for(deployment: Deployment, good: Release, backups: Sequence[Backup]) -> Backup | None:
    for backup in backups:
        if backup.timestamp == deployment.backup:
            return backup
    before = [b for b in backups if b.at <= deployment.started_at and b.complete]
    return next((b for b in before if b.release and b.release.fingerprint == good.fingerprint), None)


def requested_target(backup: Backup) -> Target:
    """What the backup that a person named holds."""
    if backup.release is None:
        raise Refused(
            f"backup {backup.timestamp} does not say which images ran (no release in its manifest), so "
            f"images and configuration cannot be rolled back to it; choose another with "
            f"'ops-watchdog backups list'"
        )
    return Target(backup.release, backup)


def database_only_target(
    backup: Backup, release: Release, running: str, live: Mapping[str, str | None]
) -> Target:
    """The backup's databases under the release that runs, where both fit each other (design rule 4).

    `release` is what runs, `running` its fingerprint; `live` is the schema's fingerprint of each database,
    None where it cannot be read. Nobody knows the schema of a set made by a script: a person chose it.
    """
    if backup.release is not None and backup.release.fingerprint == running:
        return Target(release, backup)
    if not backup.dumps:
        return Target(release, backup, (SCHEMA_UNKNOWN,))
    if all(schema == backup.schema(name) for name, schema in live.items()):
        return Target(release, backup)
    unread = sorted(name for name, schema in live.items() if schema is None)
    why = f"the schema of {', '.join(unread)} cannot be read" if unread else "its schema is another one"
    raise Refused(
        f"backup {backup.timestamp} is of another release than the one that runs, and {why}: what runs must "
        f"not meet it; roll the release back too (without --database-only), or choose another backup"
    )


def as_it_runs(stack: Stack, containers: Iterable[Container], at: datetime) -> Release:
    """What runs, where it was not captured: known by its containers, its files by nobody."""
    services = tuple(
        ServiceRelease(c.service, c.image, c.image_id, c.config_hash, running=not c.ended)
        for c in sorted(containers, key=lambda c: c.service)
        if not c.one_off
    )
    return Release("", stack.name, at, services, ())


def offered(backups: Sequence[Backup], marks: Mapping[str, Mark]) -> list[Backup]:
    """What a person may choose from, newest first: complete, and of a release that did not fail."""
    whole = [backup for backup in backups if backup.complete and backup.release is not None]
    return [b for b in whole if b.release and not _failed(marks.get(b.release.fingerprint))]


def _failed(mark: Mark | None) -> bool:
    return mark is not None and mark.standing is Standing.FAILED


def newest_target(backups: Sequence[Backup], marks: Mapping[str, Mark], running: str) -> Target:
    """For a person who names none: the newest complete backup of another release that did not fail."""
    for backup in offered(backups, marks):
        if backup.release and backup.release.fingerprint != running:
            return Target(backup.release, backup)
    raise Refused(
        "no backup holds another release than the one that runs; name one with --backup-timestamp to restore "
        "its database ('ops-watchdog backups list')"
    )


def choose_plan(
    policy: RollbackPolicy,
    kind: Kind,
    backup: Backup | None,
    schema_changed: bool,
    now: datetime,
) -> str:
    """The plan of an automatic rollback: does the database go back too? Raises `Refused` for neither.

    Design section 8: `auto` means always for an announced deployment, `if_changed` for an observed one; with
    a backup older than `max_data_loss` only images and configuration, and only while the schema fits.
    """
    wanted = policy.database
    if wanted is DatabasePolicy.AUTO:
        wanted = DatabasePolicy.ALWAYS if kind is Kind.ANNOUNCED else DatabasePolicy.IF_CHANGED
    if wanted is DatabasePolicy.NEVER or (wanted is DatabasePolicy.IF_CHANGED and not schema_changed):
        return "keep database"
    usable = backup is not None and now - backup.at <= policy.max_data_loss
    if usable:
        return "full"
    if not schema_changed:
        return "keep database"
    age = f"is {_minutes(now - backup.at)} old" if backup else "does not exist"
    raise Refused(
        f"the schema changed, and the backup to go back to {age} (max_data_loss is "
        f"{_minutes(policy.max_data_loss)}); decide with 'ops-watchdog rollback --plan'"
    )


def _minutes(duration: timedelta) -> str:
    return f"{duration.total_seconds() / 60:.0f} min"
