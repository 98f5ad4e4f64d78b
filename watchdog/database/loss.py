"""What one table lost by a rollback, and what that is measured against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchdog.stack import TableCount


@dataclass(frozen=True, slots=True)
class TableLoss:
    """One table. None means unknown; `note` says why, or how far the figures can be trusted.

    Attributes:
        then, now: Its rows in the backup, and in the displaced (or live) database; None: it did not exist.
        written: Rows inserted or updated since, at most: rewritten ones may be among them.
        every_row: Its rows' transaction numbers told nothing, so that each row was looked up.
    """

    table: str
    then: int | None
    now: int | None
    written: int = 0
    inserted: int | None = 0
    updated: int | None = 0
    deleted: int | None = 0
    note: str = ""
    every_row: bool = False

    @property
    def nothing(self) -> bool:
        """Whether nothing of this table was lost."""
        return not (self.inserted or self.updated or self.deleted or self.note) and self.then == self.now

    @property
    def net(self) -> int:
        """By how many rows it has grown since."""
        return (self.now or 0) - (self.then or 0)


@dataclass(frozen=True, slots=True)
class Reference:
    """What the displaced database is compared with.

    Attributes:
        snapshot: `pg_current_snapshot()` of the backup; empty where the displaced database is another one
            than was backed up: then every row is looked up.
        tables: The backup's account of each table.
        swapped: The same when the restored copy was swapped in, still fenced: rows written there later are
            the services' own. Empty: unknown.
    """

    snapshot: str
    tables: Mapping[str, TableCount]
    swapped: str = ""
