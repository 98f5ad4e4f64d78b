"""Compresses old plain SQL dumps (`db_backup_TS.sql` to `.sql.gz`), as the guide's `find … -exec gzip` does.

Sets of our own are compressed from the start. The old file goes only once the new one was read back and
equals it: a set is never without a whole dump.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import IO

from watchdog.backup.backup import Backup, Level
from watchdog.backup.catalogue import catalogue
from watchdog.backup.files import PARTIAL, disk_errors, open_private, put_in_place, sync
from watchdog.backup.legacy import legacy_dumps
from watchdog.backup.marks import mark_compressed
from watchdog.backup.policy import BackupPolicy
from watchdog.errors import Corrupt

GZIP_LEVEL = 6
"""gzip's own default."""


def compress_old(directory: Path, policy: BackupPolicy, now: datetime) -> tuple[str, ...]:
    """Compress what is older than the policy says; returns the new files' names. Blocks."""
    made: list[str] = []
    for backup in catalogue(directory):
        if not _by_script(backup) or now - backup.at < policy.compress_after:
            continue
        plain = [dump for dump in legacy_dumps(directory, backup.timestamp) if dump.suffix == ".sql"]
        renamed = {dump.name: compress_file(dump).name for dump in plain}
        if renamed and backup.has_manifest:
            mark_compressed(backup, renamed)
        made += renamed.values()
    return tuple(made)


def _by_script(backup: Backup) -> bool:
    return backup.made_by_script and backup.level is not Level.DAMAGED


def compress_file(path: Path) -> Path:
    """Replace `path` by `path.gz` with the same time, owner and content."""
    compressed = path.with_name(path.name + ".gz")
    partial = compressed.with_name(compressed.name + PARTIAL)
    with disk_errors(path.parent):
        original = _write(path, partial)
        with gzip.open(partial) as copy:
            if _digest(copy) != original:
                raise Corrupt(
                    f"{partial} is not what was written; the disk may be failing. {path.name} was kept"
                )
        _keep_attributes(path, partial)
        put_in_place(compressed)
        path.unlink()
        sync(path.parent)
    return compressed


def _write(path: Path, partial: Path) -> str:
    """Compress and sync; returns the hash of the content that was read."""
    with path.open("rb") as source, open_private(partial) as file, os.fdopen(os.dup(file), "wb") as target:
        reading = _Hashing(source)
        with gzip.GzipFile(path.name, "wb", GZIP_LEVEL, target, int(path.stat().st_mtime)) as archive:
            shutil.copyfileobj(reading, archive, 1024 * 1024)
        target.flush()
        os.fsync(file)
    return reading.digest.hexdigest()


class _Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


def _digest(file: gzip.GzipFile) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(1024 * 1024):
        digest.update(chunk)
    return digest.hexdigest()


def _keep_attributes(old: Path, new: Path) -> None:
    status = old.stat()
    if os.geteuid() == 0:
        os.chown(new, status.st_uid, status.st_gid)
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
