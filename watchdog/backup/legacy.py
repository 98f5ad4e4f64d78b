"""Sets made the rollback guide's way, by shell scripts or people: any `db_backup_TS*.sql` or `.sql.gz`.

Their timestamps are the host's local time; the file's own time decides where that is doubtful.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from watchdog.clock import TIMESTAMP_FORMAT, parse_timestamp
from watchdog.errors import UsageError

_SET_FILE = re.compile(
    r"(?:manifest_(\d{8}_\d{6})\.json|db_backup_(\d{8}_\d{6})(?:\..+)?\.(?:sql|sql\.gz|dump\.zst))"
)


def timestamp_in(name: str) -> str | None:
    """The timestamp of the set that a file stands for (a manifest or a dump); None for any other file."""
    match = _SET_FILE.fullmatch(name)
    if match is None:
        return None
    found = match[1] or match[2]
    try:
        parse_timestamp(found)
    except ValueError:
        return None
    return found


def legacy_dumps(directory: Path, timestamp: str) -> list[Path]:
    """The dumps of a script or a person, the one without a further word in its name first.

    Of a dump that lies there twice, because compressing it was interrupted, the uncompressed one.
    """
    found = [
        path
        for path in directory.glob(f"db_backup_{timestamp}.*")
        if path.suffix in {".sql", ".gz"} and timestamp_in(path.name) is not None and path.is_file()
    ]
    twice = {path.name + ".gz" for path in found}
    return sorted(
        (p for p in found if p.name not in twice), key=lambda p: (len(p.name.removesuffix(".gz")), p.name)
    )


def legacy_dump(directory: Path, timestamp: str, database: str) -> Path | None:
    """What `database` is restored from: the dump named after it, the one without a name, or the only one."""
    dumps = legacy_dumps(directory, timestamp)
    for stem in (f"db_backup_{timestamp}.{database}", f"db_backup_{timestamp}"):
        for path in dumps:
            if path.name in {f"{stem}.sql", f"{stem}.sql.gz"}:
                return path
    return dumps[0] if len(dumps) == 1 else None


def legacy_dumps_of(directory: Path, timestamp: str, databases: Sequence[str]) -> dict[str, Path]:
    """Database to its dump. Raises `UsageError` where one is missing, or would be restored into two."""
    found: dict[str, Path] = {}
    for database in databases:
        dump = legacy_dump(directory, timestamp, database)
        if dump is None or dump in found.values():
            raise UsageError(
                f"backup {timestamp} in {directory} holds no dump that is clearly {database}'s;"
                f" give the right one the name db_backup_{timestamp}.{database}.sql"
            )
        found[database] = dump
    return found


def legacy_moment(timestamp: str, modified_at: float) -> datetime:
    """Local time, unless the file was last written nearer to the same time in UTC (containers, cron)."""
    local = datetime.strptime(timestamp, TIMESTAMP_FORMAT).astimezone()
    universal = parse_timestamp(timestamp)
    written = datetime.fromtimestamp(modified_at, UTC)
    return min((local, universal), key=lambda moment: abs(moment - written)).astimezone(UTC)
