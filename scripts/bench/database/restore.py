"""The restore of a backup that has no standby copy, against pg_restore of a file that lies in the container.

Ours reads the compressed set, feeds it through `docker exec`, and proves the copy: it counts and hashes what
came back and gathers the planner's statistics, which the alternative leaves undone.
"""

from __future__ import annotations

import asyncio
import statistics
from functools import partial

from rich.console import Console

from bench.database.paired import in_turns, ratio
from bench.database.subject import NAME, Subject
from bench.limits import Limit
from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import open_dump
from watchdog.backup.writer import take
from watchdog.clock import SystemClock
from watchdog.database.names import side_name
from watchdog.database.restore import discard_side, restore_beside

CLOCK = SystemClock()
FILE = "/var/tmp/bench.dump"
SIDE = side_name(NAME, "20200101_000000")
BY_HAND = "pg_restore -j2 of a file in the container"
LOADED = "restore, the copy not yet proven"
PROVEN = "restore, the copy proven and analyzed"


def measure(subject: Subject, rounds: int, console: Console) -> list[Limit]:
    """Ratios of the rounds, and the seconds for people."""
    backup = asyncio.run(_taken(subject))
    subject.shell(f'docker exec "$CONTAINER" pg_dump -Fc -Z0 -U shop -f {FILE} {NAME}')
    alternatives = {
        BY_HAND: partial(_by_hand, subject),
        LOADED: partial(_restore, subject, backup, proven=False),
        PROVEN: partial(_restore, subject, backup, proven=True),
    }
    try:
        times = in_turns("restore", alternatives, rounds, console, before=partial(_empty, subject))
    finally:
        _drop(subject)
        subject.shell(f'docker exec "$CONTAINER" rm {FILE}')
    return [
        *(Limit(f"{name} (median)", statistics.median(found), None, "s") for name, found in times.items()),
        Limit("restore : pg_restore -j2", ratio(times, LOADED, BY_HAND), 1.1),
        Limit("restore and proof : pg_restore -j2", ratio(times, PROVEN, BY_HAND), None),
    ]


async def _taken(subject: Subject) -> Backup:
    return await take(
        subject.stack,
        None,
        (subject.container,),
        {NAME: subject.cluster()},
        subject.root / "restored",
        clock=CLOCK,
        reason="bench",
        hashes="full",
    )


def _by_hand(subject: Subject) -> None:
    subject.shell(f'docker exec "$CONTAINER" pg_restore -e -j2 -U shop -d {SIDE} {FILE}')


def _restore(subject: Subject, backup: Backup, *, proven: bool) -> None:
    dump = partial(open_dump, backup, NAME)
    if proven:
        contents = backup.contents(NAME)
        asyncio.run(restore_beside(subject.cluster(), NAME, SIDE, dump, clock=CLOCK, expected=contents))
    else:
        asyncio.run(subject.cluster().restore(SIDE, dump, "custom"))


def _empty(subject: Subject) -> None:
    _drop(subject)
    subject.sql("postgres", f"CREATE DATABASE {SIDE} TEMPLATE template0", "CHECKPOINT")


def _drop(subject: Subject) -> None:
    asyncio.run(discard_side(subject.cluster(), NAME, SIDE, CLOCK))
