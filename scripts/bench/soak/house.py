"""The soak's daemon, which guards all stacks at once: its configuration, its process, its log."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from demo.daemon import Place, argv, end
from demo.timeline import Event, parsed

POLL_SECONDS = 0.03
START_SECONDS = 30.0

DEPLOYMENT = {"min_healthy_time": "2s", "healthy_deadline": "15s"}
"""min_healthy_time is longer than any crash loop here runs at a time, however slow the machine is."""
RHYTHM = {"interval": "500ms", "timeout": "2s", "failure_threshold": 4}
BACKUP = {"daily": "off", "disk_reserve": "256MiB"}


class Stuck(Exception):
    """Something that had to come did not; the message says what."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """One stack's part of the configuration."""

    name: str
    section: dict[str, Any]


class House:
    """One daemon and its log, which all threads read."""

    def __init__(self, place: Place, guarded: Sequence[Guarded]) -> None:
        self.place = place
        self._guarded = guarded
        self._process: subprocess.Popen[bytes] | None = None
        self._events: dict[str, list[Event]] = {}
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._follow, name="log", daemon=True)

    def open(self) -> None:
        self.configure()
        self.place.log.touch()
        self._reader.start()
        self._start()

    @property
    def closed(self) -> bool:
        return self._over.is_set()

    def close(self) -> None:
        """Whoever waits for something is told that it will not come."""
        self._over.set()
        if self._process is not None:
            end(self._process)

    def configure(self) -> None:
        """JSON is YAML. Written anew as it was: what SIGHUP reads is valid."""
        document = {
            "state_dir": str(self.place.root / "state"),
            "socket": str(self.place.socket),
            "log": {"format": "json"},
            "stacks": {one.name: one.section for one in self._guarded},
        }
        self.place.configuration.touch(mode=0o600)
        self.place.configuration.write_text(json.dumps(document, indent=1))

    def kill(self) -> None:
        """SIGKILL, and started again at once, as systemd would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        with self.place.log.open("ab") as log:
            log.write(b"\n")  # ends a line that it had begun
        self._start()

    def hang_up(self) -> None:
        """SIGHUP: all is read and validated again."""
        assert self._process is not None
        begin = time.time()
        self._process.send_signal(signal.SIGHUP)
        self.wait(lambda: self._came("configuration_reloaded", begin), 20.0, "the reload after SIGHUP")

    def _start(self) -> None:
        begin = time.time()
        with self.place.log.open("ab") as log:
            words = argv(self.place, "run")
            self._process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
        self.wait(lambda: self._came("started", begin), START_SECONDS, "the daemon's start")

    def _came(self, kind: str, begin: float) -> bool:
        return any(event.kind == kind for event in self.events("", begin))

    def events(self, stack: str, since: float) -> list[Event]:
        """Of one stack, in order; of the daemon itself for ""."""
        return [event for event in self._events.get(stack, [])[:] if event.at >= since]

    def wait(
        self, over: Callable[[], object], seconds: float, what: str, poll_seconds: float = POLL_SECONDS
    ) -> None:
        """Raises `Stuck` when time is up, or the daemon has ended by itself."""
        deadline = time.monotonic() + seconds
        while not over():
            process = self._process
            if self.closed or (process is not None and process.poll() not in (None, -signal.SIGKILL)):
                raise Stuck("the daemon has ended")
            if time.monotonic() > deadline:
                raise Stuck(f"waited {seconds:.0f} s in vain for {what}")
            time.sleep(poll_seconds)

    def status(self, stack: str) -> dict[str, Any] | None:
        """As `ops-watchdog status --json` has it; None while the daemon is away."""
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                client.connect(str(self.place.socket))
                client.sendall(json.dumps({"command": "status", "stack": stack}).encode() + b"\n")
                for line in client.makefile("rb"):
                    answer = json.loads(line)
                    if "result" in answer or "error" in answer:
                        result: dict[str, Any] | None = answer.get("result")
                        return result
        except OSError:
            return None
        return None

    def _follow(self) -> None:
        rest = b""
        with self.place.log.open("rb") as log:
            while not self._over.is_set():
                text = rest + log.read()
                whole, _, rest = text.rpartition(b"\n")
                for event in filter(None, map(parsed, whole.splitlines())):
                    self._events.setdefault(event["stack"], []).append(event)
                self._over.wait(POLL_SECONDS)
