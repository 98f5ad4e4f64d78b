"""Finds the backups that lie in a directory, whoever made them, and reads from them.

The files are the truth: nothing about backups is kept anywhere else. A damaged set is listed as such and
never hides the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from watchdog.backup import streams
from watchdog.backup.backup import Backup, FileEntry, Level
from watchdog.backup.files import files_of, manifest_name, touched
from watchdog.backup.legacy import legacy_dump, legacy_dumps, legacy_moment, timestamp_in
from watchdog.backup.manifest import from_json
from watchdog.clock import parse_timestamp
from watchdog.errors import Corrupt, StepFailed, UsageError

SCRIPT = "made by a script"
INTERRUPTED = "it has no manifest: making it was interrupted, or the manifest was deleted"


def catalogue(directory: Path, stack: str = "") -> tuple[Backup, ...]:
    """Every set in the directory, newest first. A directory that does not exist holds none.

    With `stack`, those of another stack are left out; what no manifest names an owner of is everybody's.
    """
    try:
        names = sorted(path.name for path in directory.iterdir())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise UsageError(f"the backups in {directory} cannot be read: {error.strerror}") from error
    timestamps = {found for name in names if (found := timestamp_in(name)) is not None}
    every = (read_set(directory, timestamp) for timestamp in timestamps)
    own = (backup for backup in every if not stack or backup.stack in {"", stack})
    return tuple(sorted(own, key=lambda backup: (backup.at, backup.timestamp), reverse=True))


def find(directory: Path, timestamp: str, stack: str = "") -> Backup:
    """The set with exactly this timestamp. Raises `UsageError` naming the nearest ones there are."""
    backups = catalogue(directory, stack)
    for backup in backups:
        if backup.timestamp == timestamp:
            return backup
    try:
        wanted = parse_timestamp(timestamp)
    except ValueError:
        raise UsageError(f"{timestamp!r} is no timestamp; write it as YYYYMMDD_HHMMSS, in UTC") from None
    near = sorted(backups, key=lambda backup: abs(backup.at - wanted))[:3]
    listed = ", ".join(sorted(backup.timestamp for backup in near)) or "none at all"
    raise UsageError(f"there is no backup {timestamp} in {directory}; the nearest: {listed}")


def check_files(backup: Backup) -> None:
    """Compare every file with its recorded size and SHA-256; reads them all, so keep it off the event loop.

    Raises `Corrupt` naming each file that differs, `StepFailed` where one cannot be read just now. A legacy
    set records nothing: only damage is found.
    """
    require_usable(backup)
    faults = [fault for file in backup.files if (fault := _fault(backup.directory / file.name, file))]
    if faults:
        raise Corrupt(
            f"backup {backup.timestamp} does not match its checksums: {'; '.join(faults)}; "
            "choose another with 'ops-watchdog backups list'"
        )


def require_usable(backup: Backup) -> None:
    """Raise `Corrupt` for a set that is known to be damaged."""
    if backup.level is Level.DAMAGED:
        raise Corrupt(f"backup {backup.timestamp} cannot be used: {backup.problem}; choose another backup")


def open_dump(backup: Backup, database: str) -> AsyncIterator[bytes]:
    """The decompressed dump of one database (see `Backup.format`). Raises `Corrupt` where it is damaged."""
    require_usable(backup)
    if backup.dumps:
        return streams.decompress(backup.directory / backup.dump(database).file)
    dump = legacy_dump(backup.directory, backup.timestamp, database)
    if dump is None:
        raise Corrupt(
            f"backup {backup.timestamp} in {backup.directory} holds no dump that is clearly {database}'s;"
            f" give the right one the name db_backup_{backup.timestamp}.{database}.sql"
        )
    return streams.decompress(dump)


def saved_globals(backup: Backup, server: str) -> str:
    """The roles of this server as SQL, passwords included; empty where the set holds none. `Corrupt`."""
    names = (f"globals_{backup.timestamp}.{server}.sql", f"globals_{backup.timestamp}.sql")
    held = {file.name for file in backup.files}
    try:
        return next(((backup.directory / name).read_text() for name in names if name in held), "")
    except (OSError, UnicodeDecodeError) as error:
        kind = type(error).__name__  # its text may quote what it cannot read
        raise Corrupt(f"the roles in backup {backup.timestamp} cannot be read: {kind}") from None


def read_set(directory: Path, timestamp: str) -> Backup:
    """One set as its files tell it; a damaged one where nothing usable lies there."""
    manifest = directory / manifest_name(timestamp)
    try:
        dumps = legacy_dumps(directory, timestamp)
        if manifest.exists():
            backup = from_json(manifest.read_bytes(), directory)
            if not (fault := _misfit(backup, timestamp)):
                return backup
            if not (backup.made_by_script and dumps):
                raise Corrupt(fault)
            # a script compressed its dump after we had made it out: what we knew is void, but for the pin
            return replace(_legacy(directory, timestamp, dumps[0]), pinned=backup.pinned)
        if dumps:
            return _legacy(directory, timestamp, dumps[0])
        problem = INTERRUPTED
    except Corrupt as error:
        problem = str(error)
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}"
    return _damaged(directory, timestamp, problem)


def _legacy(directory: Path, timestamp: str, dump: Path) -> Backup:
    own = manifest_name(timestamp)
    return Backup(
        directory,
        timestamp,
        legacy_moment(timestamp, dump.stat().st_mtime),
        Level.UNVERIFIED,
        reason=SCRIPT,
        files=tuple(file for file in _entries(directory, timestamp) if file.name != own),
        made_by_script=True,
    )


def _damaged(directory: Path, timestamp: str, problem: str) -> Backup:
    return Backup(
        directory,
        timestamp,
        parse_timestamp(timestamp),
        Level.DAMAGED,
        files=_entries(directory, timestamp),
        problem=problem,
        touched_at=touched(files_of(directory, timestamp)),
    )


def _misfit(backup: Backup, timestamp: str) -> str:
    """What of the files at hand is not as the manifest says, their contents aside; empty where all is."""
    if backup.timestamp != timestamp:
        return f"the manifest belongs to backup {backup.timestamp}"
    for file in backup.files:
        path = backup.directory / file.name
        if not path.exists():
            return f"{file.name} is missing"
        if path.stat().st_size != file.size_bytes:
            return f"{file.name} has {path.stat().st_size} bytes instead of {file.size_bytes}"
    return ""


def _entries(directory: Path, timestamp: str) -> tuple[FileEntry, ...]:
    files = (path for path in files_of(directory, timestamp) if path.is_file())
    return tuple(FileEntry(path.name, path.stat().st_size) for path in files)


def _fault(path: Path, entry: FileEntry) -> str:
    try:
        if not entry.sha256:
            return streams.damage(path)
        with path.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
    except FileNotFoundError:
        return f"{entry.name} is missing"
    except OSError as error:
        raise StepFailed(f"{path} cannot be read: {error.strerror}; check its owner and the disk") from error
    return "" if same else f"{entry.name} differs"
