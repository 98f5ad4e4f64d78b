"""Carries keys (and rows) of the displaced database into a temporary table beside the restored rows.

Two databases of one server cannot be joined; a temporary table in the restored one can. It holds the key in
the restored table's own types, whatever else is wanted as text, and a hash of the columns that both have.
Streamed, so that memory does not grow with the rows. Used by `losses` and `salvage`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from watchdog.database import sql
from watchdog.database.ports import LONG, Session
from watchdog.database.shape import Shape, common_columns, common_key

TABLE = "ops_watchdog_staged"
STAGED = f"pg_temp.{TABLE}"
PATIENT = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
"""Whatever limits the role or the database has: one session waits here while the other one works."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """A table of the displaced database and its counterpart: `key` finds a row, `columns` are compared."""

    displaced: Shape
    restored: Shape
    key: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def match(self) -> str:
        """The join condition of staged row `s` and restored row `t`."""
        pairs = (f"t.{sql.identifier(name)} = s.k{number}" for number, name in enumerate(self.key))
        return " AND ".join(pairs)

    @property
    def digest(self) -> str:
        """The hash of a row `t`, in either database."""
        row = ", ".join(f"t.{sql.identifier(column)}" for column in self.columns)
        return f"hashtextextended(ROW({row})::text, 0)"


def pairing(displaced: Shape, restored: Shape) -> Pairing | None:
    """How rows of the two are matched; None where they have no key in common."""
    key = common_key(displaced, restored)
    return Pairing(displaced, restored, key, common_columns(displaced, restored)) if key else None


async def stage(
    displaced: Session, restored: Session, pairing: Pairing, condition: str, values: Sequence[str] = ()
) -> None:
    """Fill the temporary table with the displaced rows `t` that fulfil the condition.

    Call it inside a transaction of each session; the table goes with the restored one's. `values` are columns
    carried as text, in c0, c1, …; n numbers the rows.
    """
    keys = [f"t.{sql.identifier(name)} AS k{number}" for number, name in enumerate(pairing.key)]
    carried = [f"NULL::text AS c{number}" for number, _ in enumerate(values)]
    await restored.execute(
        f"CREATE TEMPORARY TABLE {TABLE} ON COMMIT DROP AS"
        f" SELECT {', '.join([*keys, *carried, '0::bigint AS digest'])}"
        f" FROM {pairing.restored.source} t WITH NO DATA"
    )
    fields = [
        *(f"t.{sql.identifier(name)}" for name in pairing.key),
        *(f"t.{sql.identifier(name)}::text" for name in values),
        pairing.digest,
    ]
    query = f"SELECT {', '.join(fields)} FROM {pairing.displaced.source} t WHERE {condition}"
    async with aclosing(displaced.copy_out(f"COPY ({query}) TO STDOUT")) as rows:
        await restored.copy_in(f"COPY {STAGED} FROM STDIN", rows)
    await restored.execute(f"ANALYZE {STAGED}", LONG)


async def written_since(session: Session, transaction: int) -> str:
    """A condition on row `t`: this transaction or a later one wrote it; `true` where that is beyond telling.

    `transaction`: 64 bits, as in `pg_current_snapshot()`. The ages hold within the session's transaction, so
    call it inside one. A frozen row keeps its number, which after 2^32 transactions means another one: what
    is found is more rather than less.
    """
    [(following,)] = await session.rows("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    if not 0 <= int(following) - transaction < _HALF - _MARGIN:
        return "true"
    [(age,)] = await session.rows(f"SELECT age('{max(transaction % _WHOLE, _FIRST_NORMAL)}'::xid)")
    return f"(age(t.xmin) <= {int(age)} AND age(t.xmin) >= 0)"  # the first alone settles most rows


def oldest_running(snapshot: str) -> int:
    """The first transaction that a snapshot may not see: `xmin` of `xmin:xmax:…`."""
    return int(snapshot.split(":")[0])


def next_to_come(snapshot: str) -> int:
    """The first transaction that had not begun: `xmax` of `xmin:xmax:…`."""
    return int(snapshot.split(":")[1])


_WHOLE, _HALF = 2**32, 2**31
_MARGIN = 10_000_000
_FIRST_NORMAL = 3
"""Transaction numbers below it mean something else (frozen, bootstrap)."""
