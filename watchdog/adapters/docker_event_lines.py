"""From the bytes of `GET /events` to events: pure, so that whatever dockerd may send can be tried.

Called by the reader's thread. docker-py's own decoder waits for the rest of what it cannot read: one garbled
line, and its stream is silent for ever. Here a line ends where it ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from watchdog.adapters.docker_inspect import PROJECT_LABEL, SERVICE_LABEL
from watchdog.errors import StepFailed
from watchdog.stack import Event
from watchdog.stack.event import MISSED

ACTIONS = (
    *("create", "start", "restart", "stop", "kill", "die", "oom", "destroy"),
    *("health_status", "pause", "unpause", "rename", "update"),
)
"""Everything that changes what inspection shows; never `exec_*`, which each HEALTHCHECK sends three times."""
LONGEST_LINE = 1 << 20
"""Bytes. dockerd's lines have about 1 KiB: all labels of one container."""


def filters() -> str:
    """What dockerd itself leaves out, as the parameter `filters`: two labels would both have to match."""
    return json.dumps({"type": ["container"], "event": list(ACTIONS), "label": [PROJECT_LABEL]})


def since_text(at_ns: int) -> str:
    """`seconds.nanoseconds`, as the parameter `since`."""
    return f"{at_ns // 10**9}.{at_ns % 10**9:09d}"


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines, however they were cut; the half one at the end is dropped: the next connection has it.

    Raises `StepFailed` where no end of a line comes.
    """
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line.strip())
        if len(rest) > LONGEST_LINE:
            raise StepFailed(f"the engine's events are unreadable: {len(rest)} bytes without an end of line")


def parse(line: bytes) -> Event | None:
    """None for what concerns no project's container; MISSED for what cannot be read."""
    try:
        return _event(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Event(MISSED)


def _event(raw: Mapping[str, Any]) -> Event | None:
    """Raises what a document of another shape makes it raise."""
    if raw["Type"] != "container":
        return None
    actor = raw["Actor"]
    attributes = actor["Attributes"]
    if PROJECT_LABEL not in attributes:
        return None
    exit_code, signal = attributes.get("exitCode"), str(attributes.get("signal", ""))
    return Event(
        action=str(raw["Action"]),
        at_ns=int(raw["timeNano"]),
        project=str(attributes[PROJECT_LABEL]),
        service=str(attributes.get(SERVICE_LABEL, "")),
        container=str(actor["ID"]),
        exit_code=None if exit_code is None else int(exit_code),
        signal=int(signal) if signal.isdecimal() else None,
    )
