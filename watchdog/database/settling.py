"""Settles what `losses` found by transaction numbers: each such row is looked up in the restored copy by key.

That tells inserted from updated rows, and both from those that were only rewritten. The services may write to
the restored copy already: what they wrote since the swap is known by its transaction number too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog

from watchdog.clock import Deadline
from watchdog.database import sql
from watchdog.database.loss import Reference, TableLoss
from watchdog.database.ports import LONG, Session
from watchdog.database.shape import Shape
from watchdog.database.staging import (
    PATIENT,
    STAGED,
    Pairing,
    next_to_come,
    pairing,
    stage,
    written_since,
)
from watchdog.errors import StepFailed

log = structlog.get_logger(__name__)

NO_KEY = "it has no key by which a row could be found again"
UNSETTLED = "its rows could not be compared in time with the restored ones"
ELSEWHERE = "the restored database has no such table any more"
ABOUT = "about: the restored rows were changed since"


@dataclass(frozen=True, slots=True)
class Found:
    """The staged rows, by what the restored copy has under their keys.

    `later`: a row that was written after the swap. `untouched`: all restored rows that were not.
    """

    missing: int
    changed: int
    later: int
    untouched: int


@dataclass(frozen=True, slots=True)
class Settler:
    """`since` is the condition by which the displaced session finds what was written since the backup."""

    displaced: Session
    restored: Session
    tables: Mapping[str, Shape]
    reference: Reference
    since: str
    deadline: Deadline

    async def settle(self, loss: TableLoss, shape: Shape | None) -> TableLoss:
        """The same with what the restored copy says. Where fewer rows were written than the table has grown
        by, the snapshot is another database's: every row is looked up."""
        if shape is None or loss.then is None or not (loss.written or loss.net > 0):
            return loss
        theirs = self.tables.get(loss.table)
        if theirs is None:
            return _unknown(loss, ELSEWHERE)
        pair = pairing(shape, theirs)
        if pair is None:
            return _unknown(loss, NO_KEY)
        if self.deadline.over:
            return _unknown(loss, UNSETTLED)
        loss = replace(loss, every_row=loss.written < loss.net or self.since == "true")
        try:
            found = await self._compare(pair, "true" if loss.every_row else self.since)
        except StepFailed as error:
            log.warning("rows_not_compared", table=loss.table, reason=str(error))
            return _unknown(loss, UNSETTLED)
        return judged(loss, found, bool(self.reference.swapped), _only_there(shape, theirs))

    async def _compare(self, pair: Pairing, since: str) -> Found:
        async with self.displaced.transaction(), self.restored.transaction():
            await self.restored.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE")
            await self.restored.execute(sql.set_locally(sql.OUTPUT_SETTINGS))
            for session in (self.displaced, self.restored):
                limits = {**PATIENT, "statement_timeout": self._milliseconds_left()}
                await session.execute(sql.set_locally(limits))
            later = await written_after_swap(self.restored, self.reference.swapped)
            await stage(self.displaced, self.restored, pair, since)
            [counts] = await self.restored.rows(_compared(pair, later), LONG)
        return Found(*(int(count) for count in counts))

    def _milliseconds_left(self) -> str:
        return str(max(1, int(self.deadline.left.total_seconds() * 1000)))


async def written_after_swap(restored: Session, swapped: str) -> str:
    """A condition on a restored row `t`: the services wrote it. Never, where the swap's moment is unknown."""
    return await written_since(restored, next_to_come(swapped)) if swapped else "false"


def judged(loss: TableLoss, found: Found, swap_known: bool, only_there: str) -> TableLoss:
    """While no restored row was touched, one written later under a staged key is another row: the sequence
    gave that key again. Otherwise it may be either, and the figures are near the truth only."""
    assert loss.then is not None
    exact = swap_known and found.untouched == loss.then
    inserted = found.missing + (found.later if exact else 0)
    updated = found.changed + (0 if exact else found.later)
    deleted = loss.then + inserted - (loss.now or 0)
    notes = ["" if exact and deleted >= 0 else ABOUT, only_there]
    return replace(
        loss,
        written=inserted + updated,
        inserted=inserted,
        updated=updated,
        deleted=max(0, deleted),
        note="; ".join(note for note in notes if note),
    )


def _compared(pair: Pairing, later: str) -> str:
    present = f"t.{sql.identifier(pair.key[0])} IS NOT NULL"
    return (
        f"SELECT count(*) FILTER (WHERE NOT {present}),"
        f" count(*) FILTER (WHERE {present} AND NOT ({later}) AND s.digest <> {pair.digest}),"
        f" count(*) FILTER (WHERE {present} AND ({later})),"
        f" (SELECT count(*) FROM {pair.restored.source} t WHERE NOT ({later}))"
        f" FROM {STAGED} s LEFT JOIN {pair.restored.source} t ON {pair.match}"
    )


def _only_there(ours: Shape, theirs: Shape) -> str:
    """Columns of the displaced table that the restored one lacks, or has with another type."""
    columns = [
        column.name
        for column in ours.columns
        if (other := theirs.column(column.name)) is None or other.type != column.type
    ]
    return f"not compared: {', '.join(columns)}" if columns else ""


def _unknown(loss: TableLoss, note: str) -> TableLoss:
    return replace(loss, inserted=None, updated=None, deleted=None, note=note)
