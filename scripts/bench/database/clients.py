"""Clients that connect anew for every query, refused or not.

    python -m bench.database.clients HOST DATABASE COUNT

Prints a line once each has tried, and ends with the end of its standard input.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Sequence

import psycopg

from bench.database.subject import PASSWORD, USER


def main(arguments: Sequence[str]) -> int:
    host, database, count = arguments
    stop, tried = threading.Event(), threading.Barrier(int(count) + 1)

    def client() -> None:
        _query(host, database)
        tried.wait()
        while not stop.is_set():
            _query(host, database)

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


def _query(host: str, database: str) -> None:
    with (
        contextlib.suppress(psycopg.Error),
        psycopg.connect(host=host, user=USER, password=PASSWORD, dbname=database) as connection,
    ):
        connection.execute("SELECT count(*) FROM pg_class")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
