"""What a database of the stack holds, table by table: taken with a dump, compared with every restored copy.

`database` measures and compares it, `backup` keeps it in the manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TableCount:
    """The rows of one table; both hashes are None where they were only counted.

    `digest`: an order-free hash after the method that it was made by (`record/64:-123`, of one row in 64).
    `hash`: of all rows' text; only in manifests from before there were other methods.
    """

    rows: int
    hash: str | None = None
    digest: str | None = None

    @property
    def told(self) -> str | None:
        """Its hash after its method, whenever it was made."""
        return f"text/1:{self.hash}" if self.digest is None and self.hash is not None else self.digest

    @property
    def sampled(self) -> bool:
        """Whether the digest is of some rows only."""
        return self.digest is not None and "/1:" not in self.digest


@dataclass(frozen=True, slots=True)
class Contents:
    """Measured under one snapshot, by quoted qualified name.

    `server_version` as in `server_version_num` (150018); sequences that only grow, with their least value.
    """

    server_version: int
    tables: Mapping[str, TableCount]
    sequences: Mapping[str, int]

    @property
    def hashes(self) -> Literal["full", "sampled", "counts"]:
        """How much of it was hashed."""
        hashed = [table for table in self.tables.values() if table.told is not None]
        if any(table.sampled for table in hashed):
            return "sampled"
        return "full" if hashed or not self.tables else "counts"
