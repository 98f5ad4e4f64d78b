"""Sets made the rollback guide's way, by shell scripts: `db_backup_TS.sql` or `.sql.gz`, without a manifest.

Their timestamps are the host's local time; the file's own time decides where that is doubtful.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from watchdog.clock import TIMESTAMP_FORMAT, parse_timestamp

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


def legacy_dump(directory: Path, timestamp: str) -> Path | None:
    """A script's dump; the uncompressed one where compressing it was interrupted and both lie there."""
    for suffix in (".sql", ".sql.gz"):
        path = directory / f"db_backup_{timestamp}{suffix}"
        if path.is_file():
            return path
    return None


def legacy_moment(timestamp: str, modified_at: float) -> datetime:
    """Local time, unless the file was last written nearer to the same time in UTC (containers, cron)."""
    local = datetime.strptime(timestamp, TIMESTAMP_FORMAT).astimezone()
    universal = parse_timestamp(timestamp)
    written = datetime.fromtimestamp(modified_at, UTC)
    return min((local, universal), key=lambda moment: abs(moment - written)).astimezone(UTC)
