"""The swap under 16 busy clients, of a small database and of one ten times as large.

Once with clients that keep their connection and come back when they are cut off, as a pool does; once in a
storm of clients that connect anew for each query, where every statement waits for its turn at the cores.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

from rich.console import Console

from bench.database.subject import NAME, Subject
from bench.limits import Limit
from watchdog.adapters.postgres import PostgresCluster
from watchdog.clock import SystemClock
from watchdog.database.fence import unfence
from watchdog.database.names import displaced_name, side_name
from watchdog.database.ports import Cluster, Session
from watchdog.database.swap import Swap, swap

CLOCK = SystemClock()
CLIENTS = 16
TIMES = 10
BETWEEN_SECONDS = 0.5
SMALL, LARGE = "small", "large"
KEEP, ANEW = "keep", "anew"
HOW = {KEEP: "keep their connections", ANEW: "connect anew"}
SMALL_ROWS = 700_000
"""Of 100 bytes: a tenth of the large one, which is a copy of the subject."""


class Timed:
    """The cluster, and when it was connected to last: until then the clients are not in anybody's way.

    A new connection waits for its turn among the clients' own sessions, which no swap ends any sooner.
    """

    def __init__(self, cluster: PostgresCluster) -> None:
        self._cluster = cluster
        self.connected_at = 0.0

    @asynccontextmanager
    async def connect(self, database: str) -> AsyncIterator[Session]:
        async with self._cluster.connect(database) as session:
            self.connected_at = time.monotonic()
            yield session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)


def measure(subject: Subject, rounds: int, console: Console) -> list[Limit]:
    """The worst and the median of ten swaps a round, there and back again."""
    subject.sql("postgres", f"CREATE DATABASE {SMALL}", f"CREATE DATABASE {LARGE} TEMPLATE {NAME}")
    subject.sql(
        SMALL,
        f"CREATE TABLE article AS SELECT n, repeat('x', 60) AS body FROM generate_series(1, {SMALL_ROWS}) n",
    )
    times: dict[tuple[str, str], list[float]] = {(n, how): [] for how in HOW for n in (SMALL, LARGE)}
    for number in range(rounds):
        for (name, how), found in times.items():
            found += _swaps(subject, name, how)
            worst = f"{name}, clients that {HOW[how]}, worst {max(found[-TIMES:]):.3f} s"
            console.print(f"swap, round {number + 1} of {rounds}: {worst}")
    medians = {key: statistics.median(found) for key, found in times.items()}
    return [
        Limit("swap under 16 clients (worst)", max(times[SMALL, KEEP]), 0.25, "s"),
        Limit("swap under 16 clients, ten times as large (worst)", max(times[LARGE, KEEP]), 0.25, "s"),
        Limit("swap under 16 clients (median)", medians[SMALL, KEEP], None, "s"),
        Limit("swap, ten times as large : small (medians)", medians[LARGE, KEEP] / medians[SMALL, KEEP], 1.5),
        Limit("swap in a storm of 16 reconnecting clients (median)", medians[LARGE, ANEW], 0.25, "s"),
        Limit("swap in a storm of 16 reconnecting clients (worst)", max(times[LARGE, ANEW]), None, "s"),
    ]


def _swaps(subject: Subject, database: str, how: str) -> list[float]:
    side = side_name(database, "20200101_000000")
    displaced = displaced_name(database, "20200101_000000")
    subject.sql(
        "postgres",
        f"DROP DATABASE IF EXISTS {side}",
        f"CREATE DATABASE {side}",
        f"ALTER DATABASE {side} ALLOW_CONNECTIONS false",
    )
    subject.sql(database, "CREATE TABLE IF NOT EXISTS here (id int)")
    with _clients(subject, database, how):
        found = [asyncio.run(_swap(subject, Swap(database, side, displaced))) for _ in range(TIMES)]
    asyncio.run(_forget(subject, side))
    return found


async def _swap(subject: Subject, pair: Swap) -> float:
    """Seconds of one swap, from our own connection on; back again afterwards, and open."""
    cluster = Timed(subject.cluster())
    await swap(cast("Cluster", cluster), [pair], CLOCK)
    seconds = time.monotonic() - cluster.connected_at
    await swap(subject.cluster(), [Swap(pair.live, pair.displaced, pair.side)], CLOCK)
    await unfence(subject.cluster(), [pair.live])
    await asyncio.sleep(BETWEEN_SECONDS)
    return seconds


async def _forget(subject: Subject, side: str) -> None:
    async with subject.cluster().connect("postgres") as session:
        await session.execute(f"DROP DATABASE {side}")


@contextmanager
def _clients(subject: Subject, database: str, how: str) -> Iterator[None]:
    """In a process of their own, lest they wait for our interpreter; they end with their standard input."""
    host, _ = subject.site.address
    argv = [sys.executable, "-m", "bench.database.clients", host, database, str(CLIENTS), how]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.communicate()
