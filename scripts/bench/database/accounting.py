"""Accounting for what was displaced: 5 million rows, a hundred thousand of them written since the backup."""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import timedelta

from rich.console import Console

from bench.database.subject import Subject
from bench.limits import Limit
from watchdog.clock import Deadline, SystemClock
from watchdog.database.loss import Reference
from watchdog.database.losses import account
from watchdog.stack import TableCount

ROWS = 5_000_000
WRITTEN = 20_000
DISPLACED, RESTORED = "displaced", "restored"
WITHIN = timedelta(minutes=5)
MOMENT = "SELECT pg_current_snapshot()"


def measure(subject: Subject, rounds: int, console: Console) -> list[Limit]:
    """Medians. `rewritten`: every row looks changed and is compared; shown only."""
    subject.sql("postgres", f"CREATE DATABASE {DISPLACED}")
    columns = "id bigserial PRIMARY KEY, a int, b text, at timestamptz DEFAULT now()"
    subject.sql(DISPLACED, f"CREATE TABLE event ({columns})")
    fill = f"SELECT n, md5(n::text) FROM generate_series(1, {ROWS}) n"
    subject.sql(DISPLACED, f"INSERT INTO event (a, b) {fill}", "VACUUM ANALYZE event")
    since = subject.sql("postgres", MOMENT)
    subject.sql("postgres", f"CREATE DATABASE {RESTORED} TEMPLATE {DISPLACED}")
    swapped = subject.sql("postgres", MOMENT)
    subject.sql(
        DISPLACED,
        f"INSERT INTO event (a, b) SELECT n, 'new' FROM generate_series(1, {WRITTEN}) n",
        f"UPDATE event SET a = 0 WHERE id <= {WRITTEN}",
        f"DELETE FROM event WHERE id > {ROWS - WRITTEN} AND id <= {ROWS}",
    )
    tables = {"public.event": TableCount(ROWS)}
    times = []
    for number in range(rounds):
        times.append(_seconds(subject, Reference(since, tables, swapped)))
        console.print(f"accounting, round {number + 1} of {rounds}: {times[-1]:.2f} s")
    rewritten = _seconds(subject, Reference("", tables, swapped))
    subject.sql("postgres", f"DROP DATABASE {DISPLACED}", f"DROP DATABASE {RESTORED}")
    return [
        Limit("accounting of 5 M rows", statistics.median(times), 2.0, "s"),
        Limit("accounting of 5 M rewritten rows", rewritten, None, "s"),
    ]


def _seconds(subject: Subject, reference: Reference) -> float:
    """Of one account, which must be right."""
    begin = time.monotonic()
    figures = asyncio.run(_account(subject, reference))
    seconds = time.monotonic() - begin
    assert figures == (WRITTEN, WRITTEN, WRITTEN), figures
    return seconds


async def _account(subject: Subject, reference: Reference) -> tuple[int | None, ...]:
    cluster = subject.cluster()
    async with cluster.connect(DISPLACED) as displaced, cluster.connect(RESTORED) as restored:
        [loss] = await account(displaced, restored, reference, Deadline(SystemClock(), WITHIN))
    return loss.inserted, loss.updated, loss.deleted
