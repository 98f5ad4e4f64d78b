"""The swap while 16 clients reconnect for each query, of a small database and of one ten times as large."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from bench.database.subject import NAME, Subject
from bench.limits import Limit
from watchdog.clock import SystemClock
from watchdog.database.fence import unfence
from watchdog.database.names import displaced_name, side_name
from watchdog.database.swap import Swap, swap

CLOCK = SystemClock()
CLIENTS = 16
TIMES = 10
BETWEEN_SECONDS = 0.5
SMALL, LARGE = "small", "large"
SMALL_ROWS = 700_000
"""Of 100 bytes: a tenth of the large one, which is a copy of the subject."""


def measure(subject: Subject, rounds: int, console: Console) -> list[Limit]:
    """The worst and the median of ten swaps a round, there and back again."""
    subject.sql("postgres", f"CREATE DATABASE {SMALL}", f"CREATE DATABASE {LARGE} TEMPLATE {NAME}")
    subject.sql(
        SMALL,
        f"CREATE TABLE article AS SELECT n, repeat('x', 60) AS body FROM generate_series(1, {SMALL_ROWS}) n",
    )
    times: dict[str, list[float]] = {SMALL: [], LARGE: []}
    for number in range(rounds):
        for name, found in times.items():
            found += _swaps(subject, name)
            console.print(f"swap, round {number + 1} of {rounds}: {name}, worst {max(found[-TIMES:]):.3f} s")
    small, large = (statistics.median(times[name]) for name in (SMALL, LARGE))
    return [
        Limit("swap under 16 clients (worst)", max(times[SMALL]), 0.25, "s"),
        Limit("swap under 16 clients, ten times as large (worst)", max(times[LARGE]), 0.25, "s"),
        Limit("swap under 16 clients (median)", small, None, "s"),
        Limit("swap, ten times as large : small (medians)", large / small, 1.5),
    ]


def _swaps(subject: Subject, database: str) -> list[float]:
    side = side_name(database, "20200101_000000")
    displaced = displaced_name(database, "20200101_000000")
    subject.sql("postgres", f"CREATE DATABASE {side}", f"ALTER DATABASE {side} ALLOW_CONNECTIONS false")
    subject.sql(database, "CREATE TABLE IF NOT EXISTS here (id int)")
    with _clients(subject, database):
        found = [asyncio.run(_swap(subject, Swap(database, side, displaced))) for _ in range(TIMES)]
    asyncio.run(_forget(subject, side))
    return found


async def _swap(subject: Subject, pair: Swap) -> float:
    """Seconds of one swap; back again afterwards, and open."""
    begin = time.monotonic()
    await swap(subject.cluster(), [pair], CLOCK)
    seconds = time.monotonic() - begin
    await swap(subject.cluster(), [Swap(pair.live, pair.displaced, pair.side)], CLOCK)
    await unfence(subject.cluster(), [pair.live])
    await asyncio.sleep(BETWEEN_SECONDS)
    return seconds


async def _forget(subject: Subject, side: str) -> None:
    async with subject.cluster().connect("postgres") as session:
        await session.execute(f"DROP DATABASE {side}")


@contextmanager
def _clients(subject: Subject, database: str) -> Iterator[None]:
    """In a process of their own, lest they wait for our interpreter; they end with their standard input."""
    host, _ = subject.site.address
    argv = [sys.executable, "-m", "bench.database.clients", host, database, str(CLIENTS)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.communicate()
