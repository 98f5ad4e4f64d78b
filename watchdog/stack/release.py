"""A release: what runs, per service, and the bytes of every file that defines it.

Captured by `deploy.capture` only while those bytes are proven to be what runs; kept in the state database
and inside each backup.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from watchdog.stack.container import Container


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One file as it was: bytes, permission bits (0o644), numeric owner and group."""

    # read by pydantic where a release is stored as JSON: any bytes must survive that
    __pydantic_config__: ClassVar[dict[str, str]] = {"ser_json_bytes": "base64", "val_json_bytes": "base64"}

    path: Path
    content: bytes
    mode: int
    uid: int
    gid: int

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class ServiceRelease:
    """What one service runs. `repo_digests` (`name@sha256:…`) is empty for a local build.

    `running` is False for what had ended or been stopped when the release was captured: it stays stopped.
    `replicas`: how many containers it had, which a person may have told on the command line only.
    """

    service: str
    image: str
    image_id: str
    config_hash: str
    repo_digests: tuple[str, ...] = ()
    running: bool = True
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class Release:
    """Services sorted by name, files with the defining ones first, in the orchestrator's order.

    `declared`: every service that the files name, whether or not it was ever started; empty where unknown,
    as in a backup. The files say the same, so it makes no other release.
    """

    id: str
    stack: str
    captured_at: datetime
    services: tuple[ServiceRelease, ...]
    files: tuple[ConfigFile, ...]
    declared: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def parts(self) -> tuple[tuple[str, str, str], ...]:
        """(service, image ID, config hash) of every service."""
        return tuple((s.service, s.image_id, s.config_hash) for s in self.services)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.parts)

    def service(self, name: str) -> ServiceRelease | None:
        return next((s for s in self.services if s.service == name), None)


def fingerprint(parts: Iterable[tuple[str, str, str]]) -> str:
    """What identifies a release, from (service, image ID, config hash) triples in any order."""
    text = "\n".join(sorted(" ".join(part) for part in set(parts)))
    return hashlib.sha256(text.encode()).hexdigest()


def running_fingerprint(containers: Iterable[Container]) -> str:
    """The fingerprint of what the containers were made of, one-off containers left out."""
    return fingerprint((c.service, c.image_id, c.config_hash) for c in containers if not c.one_off)
