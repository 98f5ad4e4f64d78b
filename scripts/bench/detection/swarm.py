"""Docker Swarm's own rollback on the same engine: from the exit of an updated task to `rollback_started`.

A service of one task is updated to a command that exits, with `--update-failure-action rollback`. The engine
joins a swarm of its own for it and leaves it at the end; one that is in a swarm already is left as it is.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from demo.images import BASE_IMAGE, docker
from demo.stage import HOME
from demo.timeline import StoryFailed
from rich.console import Console

from bench.limits import Limit

SERVICE = "ops-watchdog-bench-swarm"
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.05
GOOD = ("sleep", "infinity")
BAD = "sh -c 'sleep 1; exit 1' 'round {number}'"
"""Another command in each round: an update to what was updated to already changes nothing."""
SAFETY = (
    *("--update-failure-action", "rollback", "--update-monitor", "20s", "--update-max-failure-ratio", "0"),
    *("--rollback-monitor", "1s", "--restart-condition", "none", "--init", "--no-resolve-image"),
)

Event = dict[str, Any]


def measure(rounds: int, console: Console) -> list[Limit]:
    """Shown beside ours; it has no limit."""
    console.print(f"Docker Swarm's own rollback, {rounds} rounds")
    if docker("info", "--format", "{{.Swarm.LocalNodeState}}").strip() != "inactive":
        console.print("  the engine is in a swarm already: left out")
        return []
    with _swarm() as events:
        figures = [_round(number, events) for number in range(rounds)]
    console.print("  " + " ".join(f"{figure:.3f}" for figure in figures) + " s")
    name = "Docker Swarm: exit to rollback_started"
    return [
        Limit(f"{name} (median of {rounds})", statistics.median(figures), None, "s"),
        Limit(f"{name} (worst of {rounds})", max(figures), None, "s"),
    ]


class _Events:
    """What the engine tells of services and containers, as it is being written to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._passed = 0

    def next(self, wanted: Callable[[Event], bool], what: str) -> Event:
        """The first such event after the one that was asked for last."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            lines = self._path.read_text().split("\n")[:-1]
            for number, line in enumerate(lines[self._passed :], self._passed + 1):
                found: Event = json.loads(line)
                if wanted(found):
                    self._passed = number
                    return found
            time.sleep(POLL_SECONDS)
        raise StoryFailed(f"waited {WAIT_SECONDS:.0f} s in vain for {what}; see {self._path}")


@contextmanager
def _swarm() -> Iterator[_Events]:
    docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1")
    try:
        with _told() as events:
            docker("service", "create", "--quiet", "--detach", "--name", SERVICE, *SAFETY, BASE_IMAGE, *GOOD)
            events.next(_started, "the service's first task")
            yield events
    finally:
        with suppress(RuntimeError):  # it may never have been made
            docker("service", "rm", SERVICE)
        docker("swarm", "leave", "--force")


@contextmanager
def _told() -> Iterator[_Events]:
    path = HOME / "bench-swarm-events.jsonl"
    command = ["docker", "events", "--filter", "type=container", "--filter", "type=service"]
    with path.open("wb") as file:
        process = subprocess.Popen([*command, "--format", "{{json .}}"], stdout=file)
        try:
            yield _Events(path)
        finally:
            process.terminate()
            process.wait()


def _round(number: int, events: _Events) -> float:
    """By the engine's own times of both. Ends with the rolled back task running."""
    docker("service", "update", "--quiet", "--detach", "--args", BAD.format(number=number), SERVICE)
    events.next(_started, "the updated task")
    died = events.next(_died, "its exit")
    rolled = events.next(_rolled_back, "the rollback")
    events.next(_started, "the rolled back task")
    return (int(rolled["timeNano"]) - int(died["timeNano"])) / 1e9


def _started(event: Event) -> bool:
    return event["Action"] == "start" and _of_the_service(event)


def _died(event: Event) -> bool:
    return event["Action"] == "die" and _of_the_service(event) and _attributes(event)["exitCode"] == "1"


def _rolled_back(event: Event) -> bool:
    found = _attributes(event)
    return found.get("name") == SERVICE and found.get("updatestate.new") == "rollback_started"


def _of_the_service(event: Event) -> bool:
    return _attributes(event).get("com.docker.swarm.service.name") == SERVICE


def _attributes(event: Event) -> dict[str, str]:
    found: dict[str, str] = event["Actor"]["Attributes"]
    return found
