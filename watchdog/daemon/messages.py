"""What may lie in a guard's inbox: frozen, and only reports or requests, never a decision."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from watchdog.health.check import Sample
from watchdog.stack import Event

Progress = Callable[[dict[str, Any]], None]
"""Hears what an operation does, as JSON-able facts: a line for people is made of them by the CLI."""


@dataclass(frozen=True, slots=True)
class Hint:
    """The event stream says that something happened."""

    event: Event


@dataclass(frozen=True, slots=True)
class Probed:
    """A check was answered."""

    sample: Sample


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody wants something done by the guard's own task; `reply` gets the result or the error."""

    function: Callable[[], Awaitable[Any]]
    reply: asyncio.Future[Any] = field(compare=False)


Message = Hint | Probed | Tick | Call
