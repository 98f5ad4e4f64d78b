"""A backup: everything that was written for one moment, as its manifest tells it.

Made by `writer`, found again by `catalogue`; the rollback's targets and the operator's list consist of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from watchdog.errors import UsageError
from watchdog.stack import Contents, Release


class Level(StrEnum):
    """What is known of a backup, from nothing to everything.

    DAMAGED: it cannot be used, `problem` says why. UNVERIFIED: made by a script. COMPLETE: its manifest
    stands. CHECKED: its files were read back and have their checksums. VERIFIED: restored and compared.
    """

    DAMAGED = "damaged"
    UNVERIFIED = "unverified"
    COMPLETE = "complete"
    CHECKED = "checked"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the set, `name` relative to the directory. `sha256` is empty where no manifest says it."""

    name: str
    size_bytes: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """What was found out about a database under the dump's snapshot.

    Attributes:
        snapshot: `pg_current_snapshot()`: rows it does not see were written later.
        size_bytes: Of the database on the server, not of the dump.
        properties: Owner, rights and settings, as the database layer reads and applies them.
        origin: Which database of which cluster it was (a rename keeps it): `snapshot` says nothing about any
            other one. Empty in manifests made before it was kept.
        demands: What a restore asks of the server and of our role (roles, extensions, tablespaces), as the
            database layer reads and judges it. Empty as `origin` is.
    """

    snapshot: str
    size_bytes: int
    schema_fingerprint: str
    properties: Mapping[str, Any]
    contents: Contents
    origin: str = ""
    demands: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DatabaseDump:
    """One database of the set: the file that holds it, the server it came from, what was found in it."""

    name: str
    service: str
    file: str
    account: Account


@dataclass(frozen=True, slots=True)
class Backup:
    """One set of files under one timestamp.

    A set made by a script (legacy) has no release, and an account of its dumps only once it was verified.

    Attributes:
        at: The moment that the timestamp names, aware.
        release: What ran, with the bytes of its files; None where it could not be captured.
        seconds: How long it took to make.
        checked_at, verified_at: When it was last found to be so.
        problem: Why it is damaged.
        touched_at: When a file of a damaged set last changed: somebody may be copying it here.
    """

    directory: Path
    timestamp: str
    at: datetime
    level: Level
    stack: str = ""
    reason: str = ""
    files: tuple[FileEntry, ...] = ()
    dumps: tuple[DatabaseDump, ...] = ()
    release: Release | None = None
    seconds: float = 0.0
    pinned: bool = False
    checked_at: datetime | None = None
    verified_at: datetime | None = None
    made_by_script: bool = False
    problem: str = ""
    touched_at: datetime | None = None

    @property
    def complete(self) -> bool:
        """Whether its manifest stands: such a set may become the target of an automatic rollback."""
        return self.level in {Level.COMPLETE, Level.CHECKED, Level.VERIFIED}

    @property
    def has_manifest(self) -> bool:
        """Whether a manifest of ours could be read: what is found out about the set can be noted there."""
        return bool(self.stack)

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    def contents(self, database: str) -> Contents | None:
        """What a restored copy must hold; None for a legacy set, which cannot be compared."""
        return self.dump(database).account.contents if self.dumps else None

    def schema(self, database: str) -> str | None:
        """The schema's fingerprint at the time; None for a legacy set."""
        return self.dump(database).account.schema_fingerprint if self.dumps else None

    def properties(self, database: str) -> Mapping[str, Any] | None:
        """The database's own properties at the time; None for a legacy set."""
        return self.dump(database).account.properties if self.dumps else None

    def demands(self, database: str) -> Mapping[str, Any]:
        """What its restore asks of the server; empty where nobody wrote it down."""
        return self.dump(database).account.demands if self.dumps else {}

    def format(self) -> Literal["custom", "plain"]:
        """How the dumps are to be restored: archives of ours, or SQL of a script's."""
        return "plain" if self.made_by_script else "custom"

    def dump(self, database: str) -> DatabaseDump:
        """One database's part. Raises `UsageError` where the set does not hold it."""
        for dump in self.dumps:
            if dump.name == database:
                return dump
        held = ", ".join(dump.name for dump in self.dumps) or "none"
        raise UsageError(f"backup {self.timestamp} holds no database {database} (it holds: {held})")
