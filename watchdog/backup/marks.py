"""Notes in a set's manifest what became known of it: checked, verified, damaged after all, pinned.

Each note reads the manifest anew and changes only what it is about: a person pins a set while another one's
restore proves it. A set made by a script gets a manifest with its first note; its dump is never touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from watchdog.backup.backup import Backup, DatabaseDump, FileEntry, Level
from watchdog.backup.catalogue import read_set
from watchdog.backup.files import disk_errors, manifest_name, replace_file
from watchdog.backup.manifest import to_json
from watchdog.errors import Corrupt, Refused

_WRITING = threading.Lock()
"""Notes are written in threads of this process; other processes hold the stack's lock."""


def mark_checked(backup: Backup, at: datetime) -> Backup:
    """All files have their checksums. A set that was verified stays so."""
    level = Level.VERIFIED if backup.level is Level.VERIFIED else Level.CHECKED
    return _note(backup, level=level, checked_at=at.astimezone(UTC), problem="")


def mark_verified(backup: Backup, at: datetime) -> Backup:
    """It was restored and compared; returns it as it is listed now."""
    if not backup.complete:
        raise Refused(f"backup {backup.timestamp} has no manifest that could say that it was verified")
    return _note(backup, level=Level.VERIFIED, verified_at=at.astimezone(UTC), problem="")


def mark_script_verified(backup: Backup, stack: str, dumps: Sequence[DatabaseDump], at: datetime) -> Backup:
    """A set made by a script was restored: `dumps` tell what came of it, and its files get checksums."""
    moment, files = at.astimezone(UTC), _with_checksums(backup)
    return _note(
        _adopted(backup, stack),
        level=Level.VERIFIED,
        files=files,
        dumps=tuple(dumps),
        checked_at=moment,
        verified_at=moment,
        problem="",
    )


def mark_compressed(backup: Backup, renamed: Mapping[str, str]) -> Backup:
    """A script's dumps have other names and the same content: what is known of them stays true."""
    files = [replace(file, name=renamed.get(file.name, file.name)) for file in backup.files]
    sized = [replace(f, size_bytes=(backup.directory / f.name).stat().st_size) for f in files]
    return _note(
        backup,
        level=backup.level,
        files=_with_checksums(replace(backup, files=tuple(sized))),
        dumps=tuple(replace(dump, file=renamed.get(dump.file, dump.file)) for dump in backup.dumps),
        checked_at=backup.checked_at,
        verified_at=backup.verified_at,
    )


def mark_damaged(backup: Backup, stack: str, problem: str) -> None:
    """It is not what was backed up, and must never be a target again."""
    with contextlib.suppress(Corrupt):  # a manifest that cannot be read is listed as damaged by itself
        _note(_adopted(backup, stack), level=Level.DAMAGED, problem=problem)


def pin(backup: Backup, stack: str, pinned: bool) -> Backup:
    """Keep it whatever the retention says, or no longer. A damaged set may be somebody's last hope too."""
    if backup.level is Level.DAMAGED and not backup.has_manifest:
        raise Refused(f"backup {backup.timestamp} cannot be pinned: {backup.problem}; copy its files away")
    return _note(_adopted(backup, stack), pinned=pinned)


def _adopted(backup: Backup, stack: str) -> Backup:
    """With an owner: a set made by a script belonged to nobody until now."""
    return backup if backup.stack else replace(backup, stack=stack)


def _note(backup: Backup, **changes: Any) -> Backup:
    with _WRITING, disk_errors(backup.directory):
        current = read_set(backup.directory, backup.timestamp)
        if not current.has_manifest:
            if not current.made_by_script:
                raise Corrupt(f"backup {backup.timestamp} is gone or damaged by now: {current.problem}")
            current = replace(current, stack=backup.stack)
        marked = replace(current, **changes)
        replace_file(backup.directory / manifest_name(backup.timestamp), to_json(marked))
        return read_set(backup.directory, backup.timestamp)


def _with_checksums(backup: Backup) -> tuple[FileEntry, ...]:
    found = []
    for file in backup.files:
        with (backup.directory / file.name).open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        found.append(FileEntry(file.name, file.size_bytes, digest))
    return tuple(found)
