"""The names of a set's files, and writing them so that a crash leaves either the whole file or none.

Every file is written as `.partial`, synced, renamed, and its directory synced; the manifest comes last. Names
are those of the rollback guide, so that its `ls -lt db_backup_*` goes on working.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from watchdog.backup.backup import FileEntry
from watchdog.clock import timestamp as timestamp_of
from watchdog.errors import Refused, StepFailed

PRIVATE = 0o600
PRIVATE_DIRECTORY = 0o700
PARTIAL = ".partial"
LATEST = ".latest_backup"
KINDS = ("manifest", "db_backup", "globals", "compose", "config", "containers", "images", "RESTORE")
"""The manifest first: what is deleted in this order never looks complete while something is missing."""
_COMPRESSING = re.compile(r"db_backup_\d{8}_\d{6}\..*sql\.gz\.partial|\.latest_backup\.partial")
_OUR_NAME = re.compile(
    r"(?:manifest_{0}\.json|db_backup_{0}(?:\.[^.]+)?\.dump\.zst|globals_{0}(?:\..+)?\.sql|compose_{0}\.yml"
    r"|config_{0}|containers_{0}\.txt|images_{0}\.tar\.zst|RESTORE_{0}\.txt)(?:\.partial)?".format(
        r"\d{8}_\d{6}"
    )
)


def manifest_name(timestamp: str) -> str:
    return f"manifest_{timestamp}.json"


def dump_name(timestamp: str, database: str | None) -> str:
    """`database` only where the stack has several; what cannot stand in a file name is replaced."""
    middle = "" if database is None else "." + re.sub(r"[^\w-]", "_", database)
    return f"db_backup_{timestamp}{middle}.dump.zst"


def globals_name(timestamp: str, server: str | None) -> str:
    """`server` only where the stack's databases lie on several."""
    return f"globals_{timestamp}{'' if server is None else '.' + server}.sql"


def files_of(directory: Path, timestamp: str) -> list[Path]:
    """Whatever lies there under a timestamp, in the order in which it may be deleted."""
    found = []
    for kind in KINDS:
        stem = f"{kind}_{timestamp}"
        found += sorted(p for p in directory.glob(f"{stem}*") if p.name == stem or p.name[len(stem)] == ".")
    return found


def is_partial(name: str) -> bool:
    """Whether a file is one that a backup of ours had not finished."""
    return name.endswith(PARTIAL) and (is_ours(name) or _COMPRESSING.fullmatch(name) is not None)


def is_ours(name: str) -> bool:
    """Whether a backup of ours would give a file this name, finished or not."""
    return _OUR_NAME.fullmatch(name) is not None


def touched(paths: Iterable[Path]) -> datetime | None:
    """When the newest of them was written, renamed or copied here, even with its old time kept."""
    times = [max(s.st_mtime, s.st_ctime) for path in paths if (s := _status(path)) is not None]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


class NewSet:
    """The files of a backup in the making, all under one timestamp that nobody else has."""

    def __init__(self, directory: Path, wanted: datetime) -> None:
        """Claim the first free second from `wanted` on."""
        self.directory = directory
        self.at = wanted.replace(microsecond=0)
        self._written: list[Path] = []
        while not self._claim():
            self.at += timedelta(seconds=1)
        self.entries: list[FileEntry] = []

    @property
    def timestamp(self) -> str:
        return timestamp_of(self.at)

    def partial(self, name: str) -> Path:
        """Where a file is written before it is finished; its directory exists."""
        path = self.directory / (name + PARTIAL)
        make_private(path.parent)
        self._written.append(path)
        return path

    def add(self, name: str, content: bytes) -> FileEntry:
        """Write a small file."""
        with open_private(self.partial(name)) as file:
            write_all(file, content)
            os.fsync(file)
        return self.finish(FileEntry(name, len(content), hashlib.sha256(content).hexdigest()))

    def finish(self, entry: FileEntry) -> FileEntry:
        """Give a written and synced file its name. Raises `StepFailed` where somebody else has that name."""
        path = self.directory / entry.name
        if os.path.lexists(path):
            raise StepFailed(f"{path} was made by somebody else meanwhile; take the backup again")
        require_size(path.with_name(path.name + PARTIAL), entry.size_bytes)
        self._written.append(path)
        put_in_place(path)
        self.entries.append(entry)
        return entry

    def discard(self) -> None:
        """Remove what was written here, the newest first; nobody else's files under this timestamp."""
        for path in reversed(self._written):
            path.unlink(missing_ok=True)
            self._remove_emptied(path.parent)
        sync(self.directory)

    def _remove_emptied(self, directory: Path) -> None:
        """A set's configuration directories, from the inside out, as far as nothing is left in them."""
        while directory != self.directory and directory.is_relative_to(self.directory):
            try:
                directory.rmdir()
            except OSError:
                return
            directory = directory.parent

    def _claim(self) -> bool:
        if files_of(self.directory, self.timestamp):
            return False
        try:
            path = self.directory / (manifest_name(self.timestamp) + PARTIAL)
            with open_private(path, os.O_EXCL):
                self._written.append(path)
                return True
        except FileExistsError:
            return False


@contextlib.contextmanager
def open_private(path: Path, flags: int = os.O_TRUNC) -> Iterator[int]:
    """A new file for its owner alone, open for writing."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, PRIVATE)
    try:
        os.fchmod(file, PRIVATE)
        yield file
    finally:
        os.close(file)


def make_private(directory: Path) -> None:
    """A directory for its owner alone, and those above it that are missing; others stay as they are."""
    if not directory.is_dir():
        make_private(directory.parent)
        directory.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
        sync(directory.parent)


def replace_file(path: Path, content: bytes) -> None:
    """Exchange a small file for another, at once."""
    partial = path.with_name(path.name + PARTIAL)
    try:
        with open_private(partial) as file:
            write_all(file, content)
            os.fsync(file)
        require_size(partial, len(content))
    except (OSError, StepFailed):
        partial.unlink(missing_ok=True)
        raise
    put_in_place(path)


def write_all(file: int, data: bytes) -> None:
    """All of it: on a disk that is nearly full, one `os.write` takes only what still fits."""
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def require_size(path: Path, size_bytes: int) -> None:
    """Raise `StepFailed` for a file that is not as long as what was written to it."""
    found = path.stat().st_size
    if found != size_bytes:
        raise StepFailed(f"{path} has {found} bytes instead of {size_bytes}; the disk may be full or failing")


def put_in_place(path: Path) -> None:
    """Rename `path.partial`, which is synced, to `path`."""
    path.with_name(path.name + PARTIAL).rename(path)
    sync(path.parent)


def remove(path: Path) -> None:
    """A file or a directory; gone already is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync(directory: Path) -> None:
    """Make what was renamed or removed in a directory last."""
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def require_room(directory: Path, reserve_bytes: int) -> None:
    """Create the directory where needed, and raise `Refused` where less than the reserve is free."""
    with disk_errors(directory):
        make_private(directory)
        free = shutil.disk_usage(directory).free
    if free < reserve_bytes:
        raise Refused(
            f"only {free // 1024**2} MiB are free for backups in {directory} and"
            f" {reserve_bytes // 1024**2} MiB are to stay free; make room, or lower"
            " backup.disk_reserve (nothing is deleted to make room)"
        )


@contextlib.contextmanager
def disk_errors(directory: Path) -> Iterator[None]:
    """What the file system refuses, in our words."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StepFailed(f"the disk of {directory} is full: no backup was made; make room") from error
        reason = error.strerror or str(error)
        raise StepFailed(
            f"cannot write {error.filename or directory}: {reason}; check its owner and mode"
        ) from error
