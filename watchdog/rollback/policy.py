"""What may happen unattended when a deployment fails, and to the database in particular."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Mode(StrEnum):
    """What follows from a failed deployment; AUTO acts only while armed."""

    OFF = "off"
    NOTIFY = "notify"
    APPROVE = "approve"
    AUTO = "auto"


class DatabasePolicy(StrEnum):
    """Whether a rollback takes the database back.

    AUTO: ALWAYS for an announced deployment, whose backup is minutes old; IF_CHANGED for an observed one.
    IF_CHANGED compares the schema and the migration tables, so it misses migrations that change data only.
    """

    AUTO = "auto"
    ALWAYS = "always"
    IF_CHANGED = "if_changed"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class RollbackPolicy:
    """`max_data_loss`: a backup older than this, when a rollback is decided, is not restored unattended."""

    mode: Mode = Mode.AUTO
    database: DatabasePolicy = DatabasePolicy.AUTO
    max_data_loss: timedelta = timedelta(minutes=15)
