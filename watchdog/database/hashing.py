"""How the rows of one table are hashed without regard to their order, as SQL; pure. `measuring` runs it.

Hashing the text of a row takes as much processor time as dumping it. From PostgreSQL 14 on the server hashes
the stored values themselves, in less than half of that: `record`. Values that hold what a dump renumbers (an
enumeration's are object numbers) and those that cannot be hashed are taken by their text all the same.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

from watchdog.database import sql
from watchdog.database.shape import Shape

RECORD_SINCE = 140000
SAMPLE = 64
"""`sampled` hashes one row in so many: those whose key has a certain hash, on every copy the same ones."""
BY_VALUE = frozenset(
    {
        *("boolean", "smallint", "integer", "bigint", "real", "double precision", "numeric"),
        *("text", "character varying", "character", "bytea", "uuid", "jsonb"),
        *("date", "timestamp with time zone", "timestamp without time zone"),
    }
)
"""Digests are kept: another list of types needs another name than `record`."""


@dataclass(frozen=True, slots=True)
class Method:
    """What is hashed of a row, and of how many rows one."""

    by: Literal["record", "text"]
    part: int = 1

    def __str__(self) -> str:
        return f"{self.by}/{self.part}"


def method_of(digest: str) -> Method:
    """The method that a digest (`record/64:-123`) was made by."""
    by, part = digest.partition(":")[0].split("/")
    return Method("record" if by == "record" else "text", int(part))


def measured(shape: Shape, method: Method | None) -> str:
    """Counts the rows; with a method, adds the sum of their hashes. None where the sample has no key."""
    if method is None or (method.part > 1 and not shape.keys):
        return f"SELECT count(*), NULL FROM {shape.source} t"
    total = f"sum({_hash(shape, method, [column.name for column in shape.columns])})"
    if method.part > 1:
        key = _hash(shape, method, list(min(shape.keys)))  # of several, the one that every copy agrees on
        total += f" FILTER (WHERE {key} % {method.part} = 0)"
    return f"SELECT count(*), coalesce({total}, 0)::text FROM {shape.source} t"


def _hash(shape: Shape, method: Method, names: list[str]) -> str:
    if method.by == "text" or not names:
        return f"hashtextextended({_row(names)}::text, 0)"
    by_text = {column.name for column in shape.columns if not _hashed_by_value(column.type)}
    return f"hash_record_extended({_row(names, by_text)}, 0)"


def _row(names: list[str], by_text: Set[str] = frozenset()) -> str:
    columns = (f"t.{sql.identifier(name)}" + ("::text" if name in by_text else "") for name in sorted(names))
    return f"ROW({', '.join(columns)})"


def _hashed_by_value(type_name: str) -> bool:
    """By its name with an empty search_path: a type of the user's has a schema in front of it."""
    return re.sub(r"\(.*?\)|(\[\])+$", "", type_name) in BY_VALUE
