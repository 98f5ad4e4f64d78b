"""The manifest: a backup as JSON, for this program. Written last, so that its presence means completeness.

Unknown fields are passed over, so that an older version can read what a newer one wrote under the same schema
number.
"""

from __future__ import annotations

import hashlib
import json
import os.path
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from watchdog.backup.backup import Account, Backup, DatabaseDump, FileEntry, Level
from watchdog.errors import Corrupt
from watchdog.stack import ConfigFile, Contents, Release, ServiceRelease, TableCount

SCHEMA = 1

Json = Mapping[str, Any]


def config_name(timestamp: str, index: int, path: Path) -> str:
    """Where the file at `path`, the release's `index`th, is kept in the set."""
    return f"compose_{timestamp}.yml" if index == 0 else f"config_{timestamp}{os.path.normpath(path)}"


def to_json(backup: Backup) -> bytes:
    """The manifest. The release's files are named, not repeated: their bytes lie beside it."""
    document = {
        "schema": SCHEMA,
        "timestamp": backup.timestamp,
        "at": backup.at.isoformat(),
        "level": backup.level.value,
        "stack": backup.stack,
        "reason": backup.reason,
        "seconds": round(backup.seconds, 3),
        "pinned": backup.pinned,
        "checked_at": backup.checked_at.isoformat() if backup.checked_at else None,
        "verified_at": backup.verified_at.isoformat() if backup.verified_at else None,
        "made_by_script": backup.made_by_script,
        "problem": backup.problem,
        "files": [asdict(file) for file in backup.files],
        "databases": [asdict(dump) for dump in backup.dumps],
        "release": _release_to_json(backup) if backup.release else None,
    }
    document["checksum"] = _checksum(document)
    return json.dumps(document, indent=1, ensure_ascii=False).encode(errors="surrogatepass") + b"\n"


def _checksum(document: Json) -> str:
    """Of everything else in it, so that a flipped bit is not taken for another count or image."""
    rest = {name: value for name, value in document.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def from_json(text: bytes, directory: Path) -> Backup:
    """The backup whose manifest this is. Raises `Corrupt` where it or a file of its release is damaged."""
    try:
        document = json.loads(text)
        if document["schema"] > SCHEMA:
            raise Corrupt(
                f"the manifest has schema {document['schema']} and this version reads up to {SCHEMA}; update"
            )
        if "checksum" in document and document["checksum"] != _checksum(document):
            raise Corrupt("the manifest does not match its own checksum: it was changed after it was written")
        return _backup(document, directory)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Corrupt(f"the manifest cannot be read: {type(error).__name__} {error}") from error


def _backup(document: Json, directory: Path) -> Backup:
    files = tuple(FileEntry(f["name"], f["size_bytes"], f["sha256"]) for f in document["files"])
    release = document["release"]
    return Backup(
        directory=directory,
        timestamp=document["timestamp"],
        at=datetime.fromisoformat(document["at"]),
        level=Level(document["level"]),
        stack=document["stack"],
        reason=document["reason"],
        files=files,
        dumps=tuple(dump_from_json(dump) for dump in document["databases"]),
        release=_release(release, document["timestamp"], directory, files) if release else None,
        seconds=document.get("seconds", 0.0),
        pinned=document.get("pinned", False),
        checked_at=_moment(document.get("checked_at")),
        verified_at=_moment(document.get("verified_at")),
        made_by_script=document.get("made_by_script", False),
        problem=document.get("problem", ""),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def dump_from_json(document: Json) -> DatabaseDump:
    """The inverse of `asdict`, through JSON. Raises as `json` and dictionaries do."""
    account, contents = document["account"], document["account"]["contents"]
    tables = contents["tables"].items()
    return DatabaseDump(
        name=document["name"],
        service=document["service"],
        file=document["file"],
        account=Account(
            snapshot=account["snapshot"],
            size_bytes=account["size_bytes"],
            schema_fingerprint=account["schema_fingerprint"],
            properties=account["properties"],
            contents=Contents(
                server_version=contents["server_version"],
                tables={
                    name: TableCount(table["rows"], table["hash"], table.get("digest"))
                    for name, table in tables
                },
                sequences=contents["sequences"],
            ),
            origin=account.get("origin", ""),
            demands=account.get("demands", {}),
        ),
    )


def _release_to_json(backup: Backup) -> Json:
    assert backup.release is not None
    release = backup.release
    return {
        "id": release.id,
        "stack": release.stack,
        "captured_at": release.captured_at.isoformat(),
        "services": [asdict(service) for service in release.services],
        "files": [
            {"path": str(file.path), "mode": file.mode, "uid": file.uid, "gid": file.gid}
            for file in release.files
        ],
    }


def _release(document: Json, timestamp: str, directory: Path, entries: tuple[FileEntry, ...]) -> Release:
    sums = {entry.name: entry.sha256 for entry in entries}
    files = []
    for index, file in enumerate(document["files"]):
        path = Path(file["path"])
        name = config_name(timestamp, index, path)
        content = _read(directory / name, sums[name])
        files.append(ConfigFile(path, content, file["mode"], file["uid"], file["gid"]))
    return Release(
        id=document["id"],
        stack=document["stack"],
        captured_at=datetime.fromisoformat(document["captured_at"]),
        services=tuple(_service(service) for service in document["services"]),
        files=tuple(files),
    )


def _service(document: Json) -> ServiceRelease:
    known = {field.name for field in fields(ServiceRelease)}
    given = {name: value for name, value in document.items() if name in known}
    return ServiceRelease(**{**given, "repo_digests": tuple(document["repo_digests"])})


def _read(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Corrupt(f"{path.name} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Corrupt(f"{path.name} does not match its checksum")
    return content
