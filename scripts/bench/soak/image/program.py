"""The soak's product: a web service, a worker and a migration that behave as their environment says.

Runs in the containers, on the standard library alone. Durations in seconds.

    LISTEN_AFTER     how long the start takes, before anything is served
    READY_AFTER      when the worker calls itself healthy (/tmp/ready); "never" for never
    UNREADY_AFTER    when it ceases to
    EXIT_AFTER       when the process ends by itself, with EXIT_CODE, at most EXIT_TIMES times a container
    EXIT_CODE, EXIT_TIMES, TERM_CODE (what it ends with when told to stop)
    EAT_AFTER        when it begins to eat memory
    STATUS, STATUS_AFTER, BODY, LOGIN, ANSWER_AFTER, STORE (HOST:PORT that /health asks), FLAP
    TAKES, FAILS     of the migration
"""

from __future__ import annotations

import json
import os
import signal
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

ENVIRONMENT = os.environ
STARTS = Path("/tmp/starts")
READY = Path("/tmp/ready")
BEHAVIOUR: dict[str, float] = {}
"""What /behave asked for: `until` (monotonic) with `status` and `delay`."""
ADDRESSES: dict[str, str] = {}
ASKED = 0


def seconds(key: str) -> float:
    return float(ENVIRONMENT.get(key) or 0)


def main(role: str) -> None:
    code = int(seconds("TERM_CODE"))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(code))
    READY.unlink(missing_ok=True)
    if role == "migrate":
        migrate()
    later("EXIT_AFTER", leave)
    later("EAT_AFTER", eat)
    time.sleep(seconds("LISTEN_AFTER"))
    if role == "web":
        Server(("", 8000), Web).serve_forever()
    if ENVIRONMENT.setdefault("READY_AFTER", "0") != "never":
        later("READY_AFTER", READY.touch)
    later("UNREADY_AFTER", READY.unlink)
    Server(("", 9000), Store).serve_forever()


def migrate() -> None:
    time.sleep(seconds("TAKES"))
    sys.exit(int(seconds("FAILS")))


def later(key: str, act: Callable[[], None]) -> None:
    if key in ENVIRONMENT:
        timer = threading.Timer(seconds(key), act)
        timer.daemon = True
        timer.start()


def leave() -> None:
    """The container's file system outlives a restart by the engine: this is how the starts are counted."""
    with STARTS.open("ab") as file:
        file.write(b".")
    if STARTS.stat().st_size <= float(ENVIRONMENT.get("EXIT_TIMES", "inf")):
        print("fatal: it ends by itself", file=sys.stderr, flush=True)
        os._exit(int(seconds("EXIT_CODE")))


def eat() -> None:
    """Kept, and written to: memory that nobody touches is not counted."""
    held = []
    while True:
        held.append(bytearray(b"x" * 64_000_000))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 32


class Store(socketserver.BaseRequestHandler):
    """Whoever connects has reached it."""


class Web(socketserver.StreamRequestHandler):
    """HTTP/1.0, one request a connection, as little work as possible."""

    def handle(self) -> None:
        words = self.rfile.readline(4096).split()
        while self.rfile.readline(4096).strip():
            pass
        if len(words) == 3:
            path, _, query = words[1].decode().partition("?")
            status, headers, body = answer(path, query)
            head = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
            self.wfile.write(f"HTTP/1.0 {status} Soak\r\n{head}\r\n{body}".encode())


def answer(path: str, query: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body."""
    global ASKED
    asked = dict(BEHAVIOUR)
    told = asked.get("until", 0.0) > time.monotonic()
    if path == "/behave":
        wanted = {key: float(value) for key, value in (pair.split("=") for pair in query.split("&"))}
        BEHAVIOUR.update({"status": 200, "delay": 0, **wanted, "until": time.monotonic() + wanted["for"]})
        return 200, {}, "ok"
    time.sleep(max(seconds("ANSWER_AFTER"), asked["delay"] if told else 0.0))
    if path == "/flap":
        ASKED += 1
        return (503 if ENVIRONMENT.get("FLAP") and ASKED // 4 % 2 else 200), {}, "flap"
    if path == "/login":
        return 302, {"Location": ENVIRONMENT.get("LOGIN", "https://id.example.com/keycloak/auth")}, ""
    status = int(asked["status"]) if told else health()
    return status, {}, ENVIRONMENT.get("BODY", json.dumps({"status": "ok" if status == 200 else "bad"}))


def health() -> int:
    late = time.monotonic() - BEGUN >= seconds("STATUS_AFTER")
    status = int(ENVIRONMENT.get("STATUS", "200")) if late else 200
    return status if reaches_store() else 503


def reaches_store() -> bool:
    """Like a pool of connections: a name is looked up again only where the known address does not answer."""
    host, _, port = ENVIRONMENT.get("STORE", "").rpartition(":")
    if not port:
        return True
    for look_up in (False, True):
        try:
            if look_up or host not in ADDRESSES:
                ADDRESSES[host] = socket.gethostbyname(host)
            socket.create_connection((ADDRESSES[host], int(port)), timeout=0.8).close()
        except OSError:
            continue
        return True
    return False


BEGUN = time.monotonic()

if __name__ == "__main__":
    main(sys.argv[1])
