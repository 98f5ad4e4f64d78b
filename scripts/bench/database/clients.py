"""Clients that query without a pause, on a connection that they keep or on a new one for every query.

    python -m bench.database.clients HOST DATABASE COUNT keep|anew

One that is cut off or refused tries again at once.
Prints a line once each has tried, and ends with the end of its standard input.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Sequence

import psycopg

from bench.database.subject import PASSWORD, USER

QUERY = "SELECT count(*) FROM pg_class"


def main(arguments: Sequence[str]) -> int:
    host, database, count, how = arguments
    stop, tried = threading.Event(), threading.Barrier(int(count) + 1)

    def client() -> None:
        _query(host, database, lambda: False)
        tried.wait()
        while not stop.is_set():
            _query(host, database, lambda: how == "keep" and not stop.is_set())

    threads = [threading.Thread(target=client) for _ in range(int(count))]
    for thread in threads:
        thread.start()
    tried.wait()
    print("all have tried", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    return 0


def _query(host: str, database: str, again: Callable[[], bool]) -> None:
    """Connect and query, until it fails or nobody wants it again."""
    with (
        contextlib.suppress(psycopg.Error),
        psycopg.connect(host=host, user=USER, password=PASSWORD, dbname=database) as connection,
    ):
        connection.execute(QUERY)
        while again():
            connection.execute(QUERY)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
