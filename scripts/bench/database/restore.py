"""The restore of a backup that has no standby copy, against the same done by hand with `pg_restore -j2`.

Both begin with the compressed set on the host. By hand it is unpacked into the container, since parallel
jobs want a file; ours is fed through `docker exec`. Ours also proves the copy, which the alternative leaves
undone: it counts and hashes what came back and gathers the planner's statistics. An archive that lies
unpacked in the container already is the floor, shown without a limit.
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
BY_HAND = "zstd -d into the container, pg_restore -j2"
UNPACKED = "pg_restore -j2 of a file that lies unpacked in the container"
LOADED = "restore, the copy not yet proven"
PROVEN = "restore, the copy proven and analyzed"


def measure(subject: Subject, rounds: int, console: Console) -> list[Limit]:
    """Ratios of the rounds, and the seconds for people."""
    backup = asyncio.run(_taken(subject))
    unpack = _unpacking(backup)
    subject.shell(unpack)
    alternatives = {
        BY_HAND: partial(_by_hand, subject, unpack),
        UNPACKED: partial(_by_hand, subject, "true"),
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
        Limit("restore : the same by hand with pg_restore -j2", ratio(times, LOADED, BY_HAND), 1.1),
        Limit("restore and proof : the same by hand, unproven", ratio(times, PROVEN, BY_HAND), None),
        Limit("restore : pg_restore -j2 of an unpacked file", ratio(times, LOADED, UNPACKED), None),
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


def _unpacking(backup: Backup) -> str:
    dump = backup.directory / backup.dump(NAME).file
    return f"""zstd --decompress --stdout {dump} | docker exec -i "$CONTAINER" sh -c 'cat > {FILE}'"""


def _by_hand(subject: Subject, unpack: str) -> None:
    subject.shell(f'{unpack}; docker exec "$CONTAINER" pg_restore -e -j2 -U shop -d {SIDE} {FILE}')


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
