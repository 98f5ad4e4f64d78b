"""One piece of evidence about a deployment, as a value that can be shown and kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What sort of evidence it is; the sentence for people is in `Signal.detail`."""

    COMMAND = "command"
    MIGRATION = "migration"
    START = "start"
    EXIT = "exit"
    MEMORY = "memory"
    RESTARTS = "restarts"
    UNHEALTHY = "unhealthy"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Signal:
    """`subject` is the service or check; `detail` a sentence naming it. Fatal: the deployment has failed."""

    kind: Kind
    subject: str
    detail: str
    at: datetime
    fatal: bool
