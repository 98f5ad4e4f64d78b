"""A customer who keeps ordering: numbered orders, written through the backend.

What was answered 201 is acknowledged: the shop promised to keep it. Demo and
tests compare these numbers with what the databases hold after a rollback.
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

REQUEST_TIMEOUT_SECONDS = 0.5
PAUSE_SECONDS = 0.05
# Far from the numbers of the seed, and a bound for a writer that nobody stops.
FIRST_NUMBER = 1_000_000
MOST_ORDERS = 20_000


@dataclass(slots=True)
class Writer:
    """Never uses a number twice: a request that timed out may still have been committed."""

    backend_url: str
    first_number: int = FIRST_NUMBER
    acknowledged: list[int] = field(default_factory=list)
    refused: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def write(self, number: int) -> bool:
        """One order; true if it was acknowledged."""
        try:
            accepted = _post(self.backend_url, number)
        except (OSError, http.client.HTTPException):
            accepted = False
        if accepted:
            self.acknowledged.append(number)
        else:
            self.refused += 1
        return accepted

    def run(self) -> None:
        for number in itertools.count(self.first_number):
            if self._stop.is_set() or number >= self.first_number + MOST_ORDERS:
                return
            self.write(number)
            self._stop.wait(PAUSE_SECONDS)

    def stop(self) -> None:
        self._stop.set()


@contextmanager
def writing(backend_url: str, first_number: int = FIRST_NUMBER) -> Iterator[Writer]:
    """Writes in a thread for as long as the block lasts."""
    writer = Writer(backend_url, first_number)
    thread = threading.Thread(target=writer.run, name="writer", daemon=True)
    thread.start()
    try:
        yield writer
    finally:
        writer.stop()
        thread.join()


def _post(backend_url: str, number: int) -> bool:
    address = urlsplit(backend_url)
    connection = http.client.HTTPConnection(
        address.hostname or "127.0.0.1", address.port, timeout=REQUEST_TIMEOUT_SECONDS
    )
    try:
        body = json.dumps({"number": number})
        connection.request("POST", "/api/v1/orders", body, {"Content-Type": "application/json"})
        return connection.getresponse().status == 201
    finally:
        connection.close()
