"""Which backups may go, and removing them. `expired` decides purely; `prune` acts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from watchdog.backup.backup import Backup, Level
from watchdog.backup.files import PARTIAL, disk_errors, files_of, is_ours, is_partial, remove, sync, touched
from watchdog.backup.policy import BackupPolicy

LEAST_SETS = 3
"""No policy goes below this many complete sets."""
INTERRUPTED_AFTER = timedelta(days=1)
"""A set of ours without a manifest is no backup; it stays this long after its last change: it may be being
copied here."""
STALE_AFTER = timedelta(hours=1)
"""A `.partial` file that nobody has written to for so long belongs to nobody."""


def expired(
    backups: Sequence[Backup], policy: BackupPolicy, now: datetime, protected: Collection[str] = ()
) -> list[tuple[Backup, str]]:
    """The sets that may be deleted, each with the reason; the oldest first.

    Age counts from the timestamp, a damaged set's from its last change if that was later. Never expired: the
    newest `min_keep` (complete and scripts' ones each), the newest verified one, what is pinned or
    `protected` (timestamps), and anything from the future.
    """
    keeping = kept(backups, policy, now, protected)
    doomed = [backup for backup in backups if backup.timestamp not in keeping]
    return [(backup, _reason(backup, policy)) for backup in sorted(doomed, key=lambda backup: backup.at)]


def kept(
    backups: Sequence[Backup], policy: BackupPolicy, now: datetime, protected: Collection[str] = ()
) -> dict[str, str]:
    """The sets that stay, timestamp to the reason."""
    newest = sorted(backups, key=lambda backup: backup.at, reverse=True)
    reasons: dict[str, str] = {}
    least = max(policy.min_keep, LEAST_SETS)
    for kind in ([b for b in newest if b.complete], [b for b in newest if b.level is Level.UNVERIFIED]):
        reasons.update({backup.timestamp: f"one of the newest {least}" for backup in kind[:least]})
    verified = [backup.timestamp for backup in newest if backup.level is Level.VERIFIED]
    reasons.update(dict.fromkeys(verified[:1], "the newest verified"))
    for backup in newest:
        if reason := _own_reason(backup, policy, now, protected):
            reasons[backup.timestamp] = reason
    return reasons


def expires(backup: Backup, policy: BackupPolicy) -> datetime:
    """From when on it goes, if nothing else keeps it (see `kept`)."""
    lasts = INTERRUPTED_AFTER if _interrupted(backup) else policy.keep
    return max(backup.at, backup.touched_at or backup.at) + lasts


def prune(directory: Path, doomed: Sequence[tuple[Backup, str]]) -> tuple[str, ...]:
    """Delete sets, after the leftovers of interrupted ones; returns what was removed, by timestamp. Blocks.

    The manifest goes first: a crash in between leaves a set that nobody takes for complete.
    """
    removed = []
    with disk_errors(directory):
        sweep(directory, datetime.now(UTC))  # compared with file times, which the same clock wrote
        for backup, _ in doomed:
            for path in files_of(directory, backup.timestamp):
                remove(path)
                sync(directory)
            removed.append(backup.timestamp)
    return tuple(removed)


def sweep(directory: Path, now: datetime) -> tuple[str, ...]:
    """Delete `.partial` files of ours that nobody writes to any more; returns their names."""
    stale = []
    for path in sorted(directory.glob("*.partial")) if directory.is_dir() else []:
        last = touched([path])
        if is_partial(path.name) and last is not None and now - last > STALE_AFTER:
            remove(path)
            stale.append(path.name)
    return tuple(stale)


def _own_reason(backup: Backup, policy: BackupPolicy, now: datetime, protected: Collection[str]) -> str:
    """Why this set stays, whatever the others are."""
    if backup.timestamp in protected:
        return "needed by an operation or by the last known good release"
    if backup.pinned:
        return "pinned"
    if backup.at > now:
        return "its timestamp lies in the future"
    lasts = INTERRUPTED_AFTER if _interrupted(backup) else policy.keep
    return f"younger than {_days(lasts)}" if now < expires(backup, policy) else ""


def _reason(backup: Backup, policy: BackupPolicy) -> str:
    if _interrupted(backup):
        return f"never finished, older than {_days(INTERRUPTED_AFTER)}"
    return f"older than {_days(policy.keep)}"


def _interrupted(backup: Backup) -> bool:
    """A dump of ours without its manifest, and nothing beside it that a person or a script made.

    A manifest that cannot be read may be somebody's last hope: such a set is not taken for interrupted.
    """
    names = [file.name for file in backup.files]
    return (
        backup.level is Level.DAMAGED
        and not backup.has_manifest
        and all(is_ours(name) for name in names)
        and any(name.startswith("db_backup_") for name in names)
        and not any(name.startswith("manifest_") and not name.endswith(PARTIAL) for name in names)
    )


def _days(duration: timedelta) -> str:
    return f"{duration / timedelta(days=1):g} days"
