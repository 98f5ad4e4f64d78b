"""The compressed dump of a displaced database: `pre_rollback_TS[.NAME].dump.zst`, and a small JSON beside it.

It is no backup set (nobody rolls back to it, no catalogue lists it), but what is left of the displaced
database once that is dropped. The JSON comes last: without it the dump is no dump.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from watchdog.backup import streams
from watchdog.backup.backup import DatabaseDump, FileEntry
from watchdog.backup.dumping import dump_to
from watchdog.backup.files import (
    PARTIAL,
    disk_errors,
    put_in_place,
    remove,
    replace_file,
    require_room,
    require_size,
    sync,
)
from watchdog.backup.manifest import dump_from_json
from watchdog.backup.ports import Dumper
from watchdog.errors import Corrupt

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class DisplacedDump:
    """`dump.name` is the displaced database's own name, `database` the live one's."""

    operation: str
    database: str
    at: datetime
    entry: FileEntry
    dump: DatabaseDump


def displaced_dump_name(timestamp: str, database: str | None) -> str:
    """`timestamp` of the rollback; `database` only where the stack has several."""
    middle = "" if database is None else "." + re.sub(r"[^\w-]", "_", database)
    return f"pre_rollback_{timestamp}{middle}.dump.zst"


async def dump_displaced(
    server: Dumper,
    name: str,
    *,
    operation: str,
    database: str,
    service: str,
    file: str,
    directory: Path,
    at: datetime,
    reserve_bytes: int,
    expected_bytes: int = 0,
) -> DisplacedDump:
    """Dump the displaced database `name` into `file` of the directory, in place of an older one.

    `expected_bytes`: the size to expect, beside the reserve that stays free. Raises `Refused` where there is
    no room for it, and `StepFailed` or `Unreachable`; then nothing new is left.
    """
    require_room(directory, reserve_bytes + expected_bytes)
    partial = directory / (file + PARTIAL)
    with disk_errors(directory):
        try:
            entry, account = await dump_to(partial, file, server, name, reserve_bytes)
            require_size(partial, entry.size_bytes)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        remove(_beside(directory, file))  # an older dump's account is not this one's
        put_in_place(directory / file)
        made = DisplacedDump(operation, database, at, entry, DatabaseDump(name, service, file, account))
        replace_file(_beside(directory, file), _to_json(made))
    return made


def read_displaced_dump(directory: Path, file: str) -> DisplacedDump:
    """Raises `Corrupt` where it is not there, or not whole by its size."""
    try:
        document = json.loads(_beside(directory, file).read_bytes())
        made = DisplacedDump(
            document["operation"],
            document["database"],
            datetime.fromisoformat(document["at"]),
            FileEntry(**document["entry"]),
            dump_from_json(document["dump"]),
        )
        size = (directory / file).stat().st_size
    except OSError as error:
        raise Corrupt(f"the dump {file} in {directory} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Corrupt(f"the account of the dump {file} in {directory} cannot be read") from error
    if size != made.entry.size_bytes:
        raise Corrupt(f"the dump {file} in {directory} has {size} bytes instead of {made.entry.size_bytes}")
    return made


def check_displaced_dump(directory: Path, file: str) -> DisplacedDump:
    """As `read_displaced_dump`, and compare its SHA-256: reads all of it, so keep it off the event loop."""
    made = read_displaced_dump(directory, file)
    with disk_errors(directory), (directory / file).open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != made.entry.sha256:
        raise Corrupt(f"the dump {file} in {directory} does not match its checksum")
    return made


def open_displaced_dump(directory: Path, made: DisplacedDump) -> AsyncIterator[bytes]:
    """Its content, decompressed. Raises `Corrupt` while it is read, where it is damaged."""
    return streams.decompress(directory / made.entry.name)


def remove_displaced_dump(directory: Path, file: str) -> None:
    """Both files; gone already is fine."""
    with disk_errors(directory):
        for path in (_beside(directory, file), directory / file, directory / (file + PARTIAL)):
            remove(path)
        if directory.is_dir():
            sync(directory)


def _beside(directory: Path, file: str) -> Path:
    return directory / f"{file.removesuffix('.dump.zst')}.json"


def _to_json(made: DisplacedDump) -> bytes:
    document = {"schema": SCHEMA, **asdict(made), "at": made.at.isoformat()}
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"
