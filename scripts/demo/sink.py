"""Where the demo's alerts go instead of to Slack: a listener on loopback that keeps what it gets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


class Sink:
    """Fulfils an incoming webhook's contract: 200 and `ok` for a payload with `text`."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self.texts: list[str] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/slack"

    @property
    def titles(self) -> list[str]:
        return [text.partition("\n")[0] for text in self.texts]

    def take(self, body: bytes) -> int:
        """The status to answer with."""
        try:
            text = str(json.loads(body)["text"])
        except (ValueError, TypeError, KeyError):
            return 400
        self.texts.append(text)
        with self._log.open("ab") as log:
            log.write(body + b"\n")
        return 200


@contextmanager
def receiving(log: Path) -> Iterator[Sink]:
    """Receives for as long as the block lasts; the payloads go to `log`, one a line."""
    sink = Sink(log)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = sink.take(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"ok" if status == 200 else b"invalid_payload")

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: the terminal belongs to the story."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sink.port = server.server_port
    Thread(target=server.serve_forever, name="sink", daemon=True).start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
