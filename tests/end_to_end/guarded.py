"""ops-watchdog as its operator has it: a configuration, a daemon as a process, and the commands."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.end_to_end.waiting import PATIENCE_SECONDS, until

PROGRAM = Path(sys.executable).with_name("ops-watchdog")

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


class Guarded:
    """One configuration with its state. `end` is for the fixture; the daemon runs from `start` to then."""

    def __init__(self, root: Path, stacks: Mapping[str, Any], **sections: Any) -> None:
        self.root = root
        self.state = root / "state"
        self.socket = Path(tempfile.gettempdir()) / f"ows-{uuid.uuid4().hex[:8]}.sock"
        self.log = root / "daemon.log"
        self.configuration = root / "config.yaml"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._begun: list[subprocess.Popen[str]] = []
        self.configure(stacks, **sections)

    def configure(self, stacks: Mapping[str, Any], **sections: Any) -> None:
        """Written as JSON, which is YAML."""
        document = {
            "state_dir": str(self.state),
            "socket": str(self.socket),
            "log": {"format": "json"},
            **sections,
            "stacks": stacks,
        }
        self.configuration.write_text(json.dumps(document, indent=1))

    # the daemon

    def start(self) -> None:
        """Returns once it says that it has started; its log goes on where an earlier one ended."""
        seen = len(self.events())
        with self.log.open("ab") as log:
            log.write(b"\n")  # a daemon that was killed may have left half a line
            log.flush()
            self._daemon = subprocess.Popen(self.argv("run"), stdout=log, stderr=log, start_new_session=True)
        self.until("started", seen)

    def watch(self) -> None:
        """Start it, and wait until it knows what runs as good."""
        seen = len(self.events())
        self.start()
        self.until("release_good", seen)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Returns once nothing of the process is left."""
        assert self._daemon is not None
        self._daemon.send_signal(number)
        self._daemon.wait(PATIENCE_SECONDS)

    def end(self) -> None:
        for process in (self._daemon, *self._begun):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        self.socket.unlink(missing_ok=True)

    # what it tells

    def events(self) -> list[Event]:
        """Everything in the log so far, a library's warnings left out."""
        if not self.log.exists():
            return []
        whole, _, _ = self.log.read_text().rpartition("\n")
        found = []
        for line in whole.splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found

    def told(self, kind: str, since: int = 0, **facts: Any) -> list[Event]:
        events = [event for event in self.events()[since:] if event.get("event") == kind]
        return [e for e in events if all(e.get(name) == value for name, value in facts.items())]

    def until(self, kind: str, since: int = 0, **facts: Any) -> Event:
        """The first such event; `since` is a number of events that lie before."""

        def ask() -> list[Event]:
            if self._daemon is not None and (code := self._daemon.poll()) is not None:
                raise AssertionError(f"the daemon ended with {code}: {self.log.read_text()[-3000:]}")
            return self.told(kind, since, **facts)

        return until(ask, lambda: f"{kind} {facts}; the log ends with {self.log.read_text()[-3000:]}")[0]

    # the commands

    def argv(self, *words: str) -> list[str]:
        return [str(PROGRAM), "--config", str(self.configuration), *words]

    def run(self, *words: str) -> Done:
        done = subprocess.run(
            self.argv(*words),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.argv(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._begun.append(process)
        return process

    def ok(self, *words: str) -> Done:
        done = self.run(*words)
        assert done.exit_code == 0, f"{words}: {done}"
        return done

    def backup(self) -> str:
        """Its timestamp."""
        return str(self.ok("backup", "--json").json["timestamp"])

    def status(self) -> dict[str, Any]:
        (document,) = self.ok("status", "--json").json
        return dict(document)

    def until_status(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        def ask() -> dict[str, Any] | None:
            status = self.status()
            return status if wanted(status) else None

        return until(ask, lambda: f"{what}: {self.status()}")

    # what it wrote down

    def steps_begun(self) -> list[str]:
        """Of the newest rollback, in the order in which their intents were written."""
        newest = "(SELECT id FROM operations ORDER BY started_at DESC LIMIT 1)"
        statement = f"SELECT step FROM steps WHERE operation = {newest} ORDER BY rowid"
        return [row[0] for row in self._rows(statement)]

    def facts(self, step: str) -> dict[str, Any]:
        """What a step of the newest rollback wrote down."""
        newest = "(SELECT id FROM operations ORDER BY started_at DESC LIMIT 1)"
        statement = f"SELECT document FROM steps WHERE operation = {newest} AND step = '{step}'"
        [(document,)] = self._rows(statement)
        return dict(json.loads(document)["facts"])

    def operations(self) -> list[dict[str, Any]]:
        return [json.loads(row[0]) for row in self._rows("SELECT document FROM operations ORDER BY rowid")]

    def alerts(self) -> list[dict[str, Any]]:
        return [json.loads(row[0]) for row in self._rows("SELECT document FROM outbox ORDER BY rowid")]

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        path = self.state / "ledger.db"
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
            try:
                return ledger.execute(statement).fetchall()
            except sqlite3.OperationalError:  # its tables are being made
                return []


@contextlib.contextmanager
def guarding(root: Path, stacks: Mapping[str, Any], **sections: Any) -> Iterator[Guarded]:
    """Ends what still runs, however the block ends."""
    guarded = Guarded(root, stacks, **sections)
    try:
        yield guarded
    finally:
        guarded.end()


def moment(event: Event) -> datetime:
    return datetime.fromisoformat(event["timestamp"])


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that a rollback has to give back of a file."""

    content: bytes
    mode: int
    uid: int
    gid: int


def identity(path: Path) -> Identity:
    status = path.stat()
    return Identity(path.read_bytes(), status.st_mode, status.st_uid, status.st_gid)
