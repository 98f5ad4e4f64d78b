"""What may happen unattended when a deployment fails, and to the database in particular."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Mode(StrEnum):
    """What follows from a failed deployment; AUTO acts only while armed.

    OFF: people are told that it failed. NOTIFY: and what would have been done. APPROVE: that is proposed, and
    done once a person approves.
    """

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


class StandbyPolicy(StrEnum):
    """Whether a copy of the backup is restored beside the live database as soon as a deployment begins.

    AUTO: where every database is small enough and the server has plenty of room. ALWAYS: also without plenty.
    """

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class RollbackPolicy:
    """What a stack's operator decided beforehand.

    Attributes:
        max_data_loss: A backup older than this, when a rollback is decided, is not restored unattended.
        standby_max_size: Bytes; AUTO makes no standby copy of a larger database.
        keep_displaced: How long a displaced database stays at least; it also stays until it is dumped.
        approve_within: So long a proposed rollback waits for a person; then nothing is done.
    """

    mode: Mode = Mode.AUTO
    database: DatabasePolicy = DatabasePolicy.AUTO
    max_data_loss: timedelta = timedelta(minutes=15)
    standby: StandbyPolicy = StandbyPolicy.AUTO
    standby_max_size: int = 5 * 1024**3
    keep_displaced: timedelta = timedelta(hours=72)
    approve_within: timedelta = timedelta(hours=1)
