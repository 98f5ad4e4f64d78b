"""One stack on stage: what a round may do with it, and how it is brought back to rest between two rounds."""

from __future__ import annotations

import random
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from demo.daemon import argv
from demo.shop import Shop
from demo.timeline import Event

from bench.soak.ending import PHASES, opened, over
from bench.soak.engine import Engine
from bench.soak.house import House, Stuck
from bench.soak.product import Edits, Product
from bench.soak.traffic import Traffic

NOTICED_SECONDS = 20.0
COMMAND_SECONDS = 90.0
END_SECONDS = 200.0
"""What is never healthy is closed a minute after its deadline, or after the last start of the daemon."""
LOOK_SECONDS = 0.4
LOG_SECONDS = 8.0
"""As a rule the log tells the end; now and then the ledger is asked."""


@dataclass(slots=True)
class Scene:
    """`begin`: of the present round, in seconds since the epoch. `random` is the round's own.

    `pending` changes the files on disk, once the next command is due. `taken_port`: one that somebody else
    listens on. `shop`: where the demo's is the product.
    """

    name: str
    product: Product
    house: House
    traffic: Traffic
    engine: Engine
    log: Path
    taken_port: int = 0
    shop: Shop | None = None
    random: random.Random = field(default_factory=random.Random)
    begin: float = 0.0
    release: int = 0
    pending: Callable[[], object] | None = None
    deploying: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def events(self) -> list[Event]:
        """Of the present round."""
        return self.house.events(self.name, self.begin)

    def write(self, edits: Edits | None = None) -> None:
        """The next release on disk, right before the next command."""
        self.release += 1
        self.pending = partial(self.product.write, self.release, edits or {})

    @contextmanager
    def _commanding(self) -> Iterator[BinaryIO]:
        """The log that commands write to. Nobody ends the daemon between new files and their command."""
        with self.traffic.shared(), self.log.open("ab") as log:
            if self.pending is not None:
                self.pending()
                self.pending = None
            yield log

    def build(self, build: str) -> None:
        """Have the tag name another image."""
        with self.traffic.shared():
            self.product.build(build)

    def up(self, *words: str) -> list[str]:
        return ["docker", "compose", "--file", str(self.product.file), "up", "--detach", *words]

    def announce(self, *words: str, options: tuple[str, ...] = ()) -> None:
        """`ops-watchdog deploy -- WORDS`, by default `docker compose up`; until that command has ended."""
        with self.announcing(*words, options=options):
            """Nothing is done meanwhile."""

    @contextmanager
    def announcing(self, *words: str, options: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[bytes]]:
        """With its command, which may still run in the block; ends once it has ended."""
        before = len([e for e in self.events if e.kind == "command_ended"])
        deploy = ("deploy", "--stack", self.name, *options, "--", *(words or self.up()))
        with self._commanding() as log:
            process = subprocess.Popen(
                argv(self.house.place, *deploy),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            self.deploying.append(process)
            yield process
            self._until_ended(process, before)

    def _until_ended(self, process: subprocess.Popen[bytes], before: int) -> None:
        def ended() -> bool:
            count = len([e for e in self.events if e.kind == "command_ended"])
            return count > before or process.poll() is not None

        self.house.wait(ended, COMMAND_SECONDS, "the end of the announced command")
        if process.poll() is not None and not opened(self.events):
            self.house.wait(lambda: opened(self.events), 1.0, f"the announcement's start, see {self.log}")

    def observe(self, *words: str) -> None:
        """`docker compose up`, which nobody announces; until it has been noticed."""
        before = len(opened(self.events))
        with self._commanding() as log:
            self._run(words or tuple(self.up()), log)
            what = "the notice of an unannounced deployment"
            self.house.wait(lambda: len(opened(self.events)) > before, NOTICED_SECONDS, what)

    def run(self, *words: str) -> None:
        """A command of a person's, whatever it ends with."""
        with self._commanding() as log:
            self._run(words, log)

    def _run(self, words: Sequence[str], log: BinaryIO) -> None:
        log.write(f"$ {' '.join(words)}\n".encode())
        log.flush()
        subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=COMMAND_SECONDS, check=False
        )

    def compose(self, *words: str) -> None:
        self.run("docker", "compose", "--file", str(self.product.file), *words)

    def container(self, service: str) -> str:
        """The name of its first container, as Compose gives it."""
        return f"{self.product.project}-{service}-1"

    def behave(self, **how: float) -> None:
        """Ask the running web service to misbehave `for` so many seconds."""
        query = "&".join(f"{key.rstrip('_')}={value}" for key, value in how.items())
        with urllib.request.urlopen(f"http://127.0.0.1:{self.product.port}/behave?{query}", timeout=5):
            """It has heard."""

    def turn_red(self) -> None:
        """Make the health endpoint of what runs bad for a minute, and wait until the daemon calls it red."""
        self.behave(for_=60, status=500)

        def red() -> bool:
            changes = (e for e in self.events if e.kind == "check_changed" and e["check"] == "health")
            return [e["state"] for e in changes][-1:] == ["red"]

        self.house.wait(red, NOTICED_SECONDS, "the check to turn red")

    def until_unhealthy(self, service: str) -> None:
        """As the daemon sees it, by the service's own HEALTHCHECK."""

        def seen() -> bool:
            found = (self.house.status(self.name) or {"services": []})["services"]
            return any(one["health"] == "unhealthy" for one in found if one["service"] == service)

        self.house.wait(seen, NOTICED_SECONDS, f"{service} to be unhealthy", LOOK_SECONDS)

    def healthy(self) -> None:
        """Until the newest deployment is called healthy, or has ended."""

        def come() -> bool:
            newest = opened(self.events)[-1:]
            told = (e for e in self.events if e.kind == "deployment_healthy")
            return over(self.events) or any(e["deployment"] in newest for e in told)

        self.house.wait(come, END_SECONDS, "the first health of the deployment")

    def pause(self, shortest: float, longest: float) -> None:
        """Somewhere in the window: where, the seed decides."""
        time.sleep(self.random.uniform(shortest, longest))

    def until_over(self) -> str:
        """Until log or ledger say that the newest deployment has ended; the phase, where the ledger does."""
        deadline = time.monotonic() + END_SECONDS
        phase = ""
        while not (phase or over(self.events)):
            try:
                self.house.wait(lambda: over(self.events), LOG_SECONDS, "the end of the deployment")
            except Stuck:
                phase = self._closed()
                if time.monotonic() > deadline:
                    raise
        self._until_returned()
        return phase

    def _closed(self) -> str:
        """Empty while it is open, or something is still done about it."""
        found = self.house.status(self.name)
        newest = found and not found["doing"] and found["deployment"]
        ours = newest and newest["id"] in opened(self.events)[-1:]
        return newest["phase"] if newest and ours and newest["phase"] in PHASES else ""

    def _until_returned(self) -> None:
        for process in self.deploying:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise Stuck("'ops-watchdog deploy' did not return after the end of the deployment") from error
        self.deploying.clear()
