"""What an incident cost: the rows that were displaced, per table, as its report and its alert tell them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TableLoss:
    """Rows since the backup. None is unknown; then `written` (inserted or updated) and `net` say what is."""

    table: str
    inserted: int | None
    updated: int | None
    deleted: int | None
    written: int = 0
    net: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class DatabaseLoss:
    """One database. `tables` are those that lost something; `note` says why there is no account."""

    database: str
    displaced: str
    accounted_at: datetime
    tables: tuple[TableLoss, ...] = ()
    note: str = ""


def total(loss: DatabaseLoss) -> str:
    """`7 inserted, 5 updated and 10 deleted rows in 2 tables`."""
    sums = (
        (sum(table.inserted or 0 for table in loss.tables), "inserted"),
        (sum(table.updated or 0 for table in loss.tables), "updated"),
        (sum(table.deleted or 0 for table in loss.tables), "deleted"),
        (sum(table.written for table in loss.tables if table.inserted is None), "inserted or updated"),
    )
    parts = [f"{count} {what}" for count, what in sums if count]
    if not parts:
        return "no rows" if not loss.tables else f"no rows that could be counted, see {_tables(loss)}"
    return f"{_and(parts)} rows in {_tables(loss)}"


def lines(losses: Sequence[TableLoss], limit: int | None = None) -> list[str]:
    """A line a table, the heaviest loss first; what is beyond the limit is numbered."""
    ordered = sorted(losses, key=lambda loss: (-_weight(loss), loss.table))
    shown = ordered[:limit]
    found = [f"{loss.table}: {figures(loss)}" + (f" ({loss.note})" if loss.note else "") for loss in shown]
    return [*found, f"and {len(ordered) - len(shown)} more tables"] if len(ordered) > len(shown) else found


def figures(loss: TableLoss) -> str:
    """`7 inserted, 5 updated, 10 deleted`, without what is zero."""
    if loss.inserted is None and loss.updated is None:
        known = f"at most {loss.written} inserted or updated" if loss.written else ""
        return ", ".join(part for part in (known, f"{loss.net:+d} rows in all") if part)
    counts = ((loss.inserted, "inserted"), (loss.updated, "updated"), (loss.deleted, "deleted"))
    return ", ".join(f"{count} {what}" for count, what in counts if count) or "no rows"


def _weight(loss: TableLoss) -> int:
    known = sum(count or 0 for count in (loss.inserted, loss.updated, loss.deleted))
    return known or loss.written or abs(loss.net)


def _tables(loss: DatabaseLoss) -> str:
    return f"{len(loss.tables)} table{'s' if len(loss.tables) > 1 else ''}"


def _and(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
