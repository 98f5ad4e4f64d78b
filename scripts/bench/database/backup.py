"""The whole backup, manifest and fsyncs included, against the pipes that a person would write."""

from __future__ import annotations

import asyncio
import shutil
import statistics
from functools import partial

from rich.console import Console

from bench.database.paired import in_turns, ratio
from bench.database.subject import Subject
from bench.limits import Limit
from watchdog.backup.policy import Hashing
from watchdog.backup.writer import take
from watchdog.clock import SystemClock

BARE = "the bare pipe into zstd"
GZIP = "pg_dump | gzip"
COUNTED = "backup without hashes"
HASHED = "backup with hashes"
SCRIPTS = {
    BARE: 'docker exec "$CONTAINER" pg_dump -Fc -Z0 -U shop shop | zstd -q -3 -T2 >"$FILE"; sync "$FILE"',
    GZIP: 'docker exec "$CONTAINER" pg_dump -U shop shop | gzip >"$FILE"',
}


def measure(subject: Subject, rounds: int, console: Console) -> list[Limit]:
    """Ratios of the rounds, and the seconds for people."""
    pipes = {name: partial(_pipe, subject, script) for name, script in SCRIPTS.items()}
    ours = {COUNTED: partial(_take, subject, "counts"), HASHED: partial(_take, subject, "full")}
    times = in_turns("backup", {**pipes, **ours}, rounds, console)
    return [
        *(Limit(f"{name} (median)", statistics.median(found), None, "s") for name, found in times.items()),
        Limit("backup without hashes : bare pipe", ratio(times, COUNTED, BARE), 1.15),
        Limit("backup with hashes : bare pipe", ratio(times, HASHED, BARE), 1.35),
        Limit("backup with hashes : pg_dump | gzip (2.5 times as fast)", ratio(times, HASHED, GZIP), 0.4),
    ]


def _pipe(subject: Subject, script: str) -> None:
    file = subject.root / "pipe"
    subject.shell(script, FILE=file)
    file.unlink()


def _take(subject: Subject, hashes: Hashing) -> None:
    directory = subject.root / "taken"
    made = take(
        subject.stack,
        None,
        (subject.container,),
        {database.name: subject.cluster() for database in subject.stack.databases},
        directory,
        clock=SystemClock(),
        reason="bench",
        hashes=hashes,
    )
    asyncio.run(made)
    shutil.rmtree(directory)
