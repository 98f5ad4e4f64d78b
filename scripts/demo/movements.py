"""When the engine started, stopped and lost the shop's containers, by its own events.

The rollback's duration is the containers' own (a process that takes two seconds to end takes two seconds)
and ours: this tells them apart.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

KINDS = ("kill", "die", "start", "health_status")
HEALTHY = "health_status: healthy"
DIE = "die"

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Movement:
    """`at` in seconds since the epoch; `exit_code` is given with a `die`."""

    at: float
    kind: str
    service: str
    container: str
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class OwnTime:
    """Seconds between two moments in which containers were stopping, starting, or either (they overlap)."""

    stopping: float
    starting: float
    either: float


@contextmanager
def recorded(project: str, path: Path) -> Iterator[None]:
    """Writes the project's events to `path`: asked afterwards, the engine remembers the last 256 only."""
    filters = [f"label=com.docker.compose.project={project}", *(f"event={kind}" for kind in KINDS)]
    command = ["docker", "events", "--format", "{{json .}}"]
    with path.open("wb") as file:
        process = subprocess.Popen(
            [*command, *(word for one in filters for word in ("--filter", one))],
            stdout=file,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def read_movements(path: Path) -> list[Movement]:
    """A line still being written is left out."""
    lines = path.read_text().split("\n")[:-1]
    return sorted((_movement(json.loads(line)) for line in lines), key=lambda movement: movement.at)


def own_exit(movements: Iterable[Movement], since: float, until: float) -> Movement | None:
    """The first container that ended by itself and badly, which is the earliest sign of a failure."""
    killed: set[str] = set()
    found: list[Movement] = []
    for movement in movements:
        if movement.kind == "kill":
            killed.add(movement.container)
        elif movement.kind == "start":
            killed.discard(movement.container)
        elif movement.kind == DIE and movement.exit_code and movement.container not in killed:
            found.append(movement)
    return next((movement for movement in found if since <= movement.at <= until), None)


def own_time(movements: Iterable[Movement], since: float, until: float) -> OwnTime:
    """Stopping is `kill` to `die`. Starting is `start` to the first `healthy`, or to the end of a one-shot.

    A container with neither counts nothing: when it had started cannot be told.
    """
    moved = list(movements)
    stopping = _clipped(_spans(moved, "kill", {DIE}), since, until)
    starting = _clipped(_spans(moved, "start", {HEALTHY, DIE}), since, until)
    return OwnTime(_covered(stopping), _covered(starting), _covered([*stopping, *starting]))


def _movement(event: dict[str, object]) -> Movement:
    actor = event["Actor"]
    assert isinstance(actor, dict)
    attributes = actor["Attributes"]
    return Movement(
        at=int(str(event["timeNano"])) / 1e9,
        kind=str(event["Action"]),
        service=str(attributes.get("com.docker.compose.service", "")),
        container=str(actor["ID"]),
        exit_code=int(attributes.get("exitCode", 0)),
    )


def _spans(movements: list[Movement], begin: str, ends: Container[str]) -> Iterator[Span]:
    """From the first `begin` of a container to the first end after it; one without an end is left out.

    What is killed while it starts has not started: how long it lived was up to whoever killed it.
    """
    begun: dict[str, float] = {}
    for movement in movements:
        if movement.kind == "kill" != begin:
            begun.pop(movement.container, None)
        if movement.kind == begin:
            begun.setdefault(movement.container, movement.at)
        elif movement.kind in ends and movement.container in begun:
            yield begun.pop(movement.container), movement.at


def _clipped(spans: Iterable[Span], since: float, until: float) -> list[Span]:
    return [(max(begin, since), min(end, until)) for begin, end in spans if begin < until and end > since]


def _covered(spans: Iterable[Span]) -> float:
    """Overlaps count once: two containers that stop at the same time cost the time of one."""
    total, reached = 0.0, 0.0
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total
