"""An alert, from the moment it is written beside the state change that caused it until it is delivered."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from watchdog.clock import timestamp


class Level(StrEnum):
    """How soon somebody has to look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Alert:
    """One message, and where its delivery stands.

    `fields` are short name/value pairs shown below the text. `sent_at` is set once a receiver took it;
    `dead` holds the reason where it never will (the webhook is gone). `attempts` counts tries.
    """

    id: str
    stack: str
    level: Level
    title: str
    text: str
    at: datetime
    fields: tuple[tuple[str, str], ...] = ()
    attempts: int = 0
    next_attempt_at: datetime | None = None
    sent_at: datetime | None = None
    dead: str | None = None


def alert(
    stack: str,
    level: Level,
    title: str,
    text: str,
    at: datetime,
    fields: tuple[tuple[str, str], ...] = (),
) -> Alert:
    """A new alert, with an identifier that sorts by time."""
    return Alert(f"{timestamp(at)}-{secrets.token_hex(3)}", stack, level, title, text, at, fields)
