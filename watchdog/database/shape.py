"""What a table is made of, as far as comparing and putting back its rows needs it. Read from the catalog."""

from __future__ import annotations

from dataclasses import dataclass

from watchdog.database import sql
from watchdog.database.contents import qualified
from watchdog.database.ports import LONG, Session


@dataclass(frozen=True, slots=True)
class Column:
    """`type` as `format_type` says it with an empty search_path. `generated`: computed, never written."""

    name: str
    type: str
    generated: bool
    identity: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """One table. `keys`: sets of columns that are unique and never null, the primary key first."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...]

    @property
    def qualified(self) -> str:
        """As the backup's account names it."""
        return qualified(self.schema, self.name)

    @property
    def source(self) -> str:
        """For FROM: the table alone, without those that inherit from it."""
        return f"ONLY {self.target}"

    @property
    def target(self) -> str:
        return f"{sql.identifier(self.schema)}.{sql.identifier(self.name)}"

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


async def shapes(session: Session) -> dict[str, Shape]:
    """Every table whose rows a dump holds, by qualified name. Call it where search_path is empty."""
    columns: dict[tuple[str, str], list[Column]] = {}
    for schema, table, *column in await session.rows(_COLUMNS, LONG):
        found = columns.setdefault((schema, table), [])
        if column[0] is not None:
            found.append(Column(*column))
    keys: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for schema, table, names in await session.rows(_KEYS, LONG):
        keys.setdefault((schema, table), []).append(tuple(names))
    found_shapes = (
        Shape(schema, name, tuple(found), tuple(keys.get((schema, name), ())))
        for (schema, name), found in columns.items()
    )
    return {shape.qualified: shape for shape in found_shapes}


def common_key(one: Shape, other: Shape) -> tuple[str, ...] | None:
    """Columns by which a row of one is found in the other: a key of both; None where there is none."""
    elsewhere = {frozenset(key) for key in other.keys}
    return next((key for key in one.keys if frozenset(key) in elsewhere), None)


def common_columns(one: Shape, other: Shape) -> tuple[str, ...]:
    """The written columns that both have with one type, in alphabetical order: what can be compared."""
    theirs = {column.name: column for column in other.columns if not column.generated}
    return tuple(
        sorted(
            column.name
            for column in one.columns
            if not column.generated and column.name in theirs and theirs[column.name].type == column.type
        )
    )


_COLUMNS = f"""\
SELECT l.nspname::text, l.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
       a.attgenerated <> '', a.attidentity <> ''
  FROM ({sql.TABLES}) l
  JOIN pg_namespace n ON n.nspname = l.nspname
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = l.relname
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY 1, 2, a.attnum"""

_KEYS = """\
SELECT n.nspname::text, c.relname::text, array_agg(a.attname::text ORDER BY k.position)
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN unnest(i.indkey) WITH ORDINALITY k (attnum, position)
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
 WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
   AND k.position <= i.indnkeyatts AND c.relkind = 'r'
 GROUP BY 1, 2, i.indexrelid, i.indisprimary HAVING bool_and(a.attnotnull)
 ORDER BY 1, 2, i.indisprimary DESC, i.indexrelid"""
