"""Where backups lie, when they are made, and how long they stay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Literal

GIBIBYTE = 1024**3

Hashing = Literal["auto", "full", "sampled", "counts"]
"""How a dump's account tells one content from another. `auto`: as the database's size allows."""


@dataclass(frozen=True, slots=True)
class BackupPolicy:
    """The schedule and the retention of one stack's backups.

    Attributes:
        directory: Absolute; backups lie flat in it.
        daily: Time of day, in UTC (an hour that daylight saving repeats or skips would fire twice or never);
            None: no scheduled backup.
        keep: A backup older than this expires,
        min_keep: but never one of the newest so many.
        compress_after: Uncompressed sets (made by scripts) older than this are compressed.
        disk_reserve: Bytes that must stay free; below it a backup is refused. Nothing is deleted for room.
        hashes: Of every row, of a sample, or of none: rows are counted in any case.
    """

    directory: Path
    daily: time | None = time(2, 0)
    keep: timedelta = timedelta(days=30)
    min_keep: int = 7
    compress_after: timedelta = timedelta(days=7)
    disk_reserve: int = GIBIBYTE
    hashes: Hashing = "auto"
