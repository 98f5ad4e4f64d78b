"""Captures the release that runs, while the bytes on disk can be proven to be what runs.

Compose files and env files are proven by the orchestrator's config hash. Bytes that no hash covers (mounted
files, `config_files`) are taken when the containers are first seen and kept as long as these containers
live, because what lies on disk later may already be the next release (`git pull`). Called by the guard
after each look that shows other containers, and before a deployment.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from watchdog.clock import timestamp
from watchdog.deploy.files import defining_files, read
from watchdog.deploy.uncovered import started_since
from watchdog.stack import ConfigFile, Container, Engine, Orchestrator, Release, ServiceRelease, Stack
from watchdog.stack.release import fingerprint

MOUNTED_FILE_LIMIT = 1024 * 1024
"""Bytes; larger mounted files are data, not configuration."""


@dataclass(frozen=True, slots=True)
class Uncaptured:
    """Why what runs cannot be proven at this moment."""

    reason: str


async def capture(
    stack: Stack,
    containers: Sequence[Container],
    engine: Engine,
    orchestrator: Orchestrator,
    now: datetime,
) -> Release | Uncaptured:
    """The release the containers are, or why it cannot be told. Raises `Unreachable`, `StepFailed`."""
    current = [c for c in containers if not c.one_off]
    if not current:
        return Uncaptured("nothing of this stack has been started yet")
    files = _files(stack, current)
    missing = [str(f) for f in stack.files if not any(f == file.path for file in files)]
    if missing:
        return Uncaptured(f"{', '.join(missing)} cannot be read")
    hashes = await orchestrator.config_hashes(stack)
    if different := _differing(current, hashes):
        return Uncaptured(
            f"the files on disk are not what runs: {', '.join(different)} would be changed by the next 'up'"
        )
    if mixed := _mixed(current):
        return Uncaptured(f"containers of different making run for {', '.join(mixed)}: it is being replaced")
    known = [c for c in current if c.service in hashes]
    if not known:
        strangers = ", ".join(sorted({c.service for c in current}))
        return Uncaptured(f"the files on disk name none of what runs ({strangers})")
    if _files(stack, current) != files:
        return Uncaptured("the files are being changed right now")
    return replace(await _release(stack, known, files, engine, now), declared=frozenset(hashes))


def captured_before(stack: Stack, known: Release, containers: Sequence[Container], now: datetime) -> Release:
    """What was proven while its files lay there, as it runs now: by now the disk may hold the next release.

    The containers are made of the same, so what their config hashes cover is the same. Only what no hash
    covers is read again, where a container was started since.
    """
    fresh = started_since(known, containers)
    anew = {path for container in fresh for path in container.mounted_files}
    anew |= set(stack.config_files) if fresh else set()
    ended = {c.service: c.ended for c in containers if not c.one_off}
    return replace(
        known,
        id=f"{timestamp(now)}-{known.fingerprint[:8]}",
        captured_at=now,
        services=tuple(replace(s, running=not ended[s.service]) for s in known.services),
        files=tuple(_again(file) if file.path in anew else file for file in known.files),
    )


def _again(file: ConfigFile) -> ConfigFile:
    try:
        return read(file.path)
    except OSError:
        return file


def _files(stack: Stack, containers: Iterable[Container]) -> tuple[ConfigFile, ...]:
    mounted = {path for container in containers for path in container.mounted_files}
    candidates = [*defining_files(stack), *sorted(mounted)]
    found = []
    for path in dict.fromkeys(candidates):
        with contextlib.suppress(OSError):
            if path not in mounted or path.stat().st_size <= MOUNTED_FILE_LIMIT:
                found.append(read(path))
    return tuple(found)


def _differing(containers: Iterable[Container], hashes: Mapping[str, str]) -> list[str]:
    """Services whose containers were made of another definition than the files now give."""
    return sorted(
        {c.service for c in containers if c.service in hashes and hashes[c.service] != c.config_hash}
    )


def _mixed(containers: Iterable[Container]) -> list[str]:
    """Services whose containers are not all made of the same: in the middle of a rolling recreation."""
    images = {(c.service, c.image_id) for c in containers}
    return sorted(
        service for service, count in Counter(service for service, _ in images).items() if count > 1
    )


async def _release(
    stack: Stack,
    containers: Sequence[Container],
    files: tuple[ConfigFile, ...],
    engine: Engine,
    now: datetime,
) -> Release:
    services = []
    for container in sorted({c.service: c for c in containers}.values(), key=lambda c: c.service):
        digests = await engine.repo_digests(container.image_id)
        services.append(
            ServiceRelease(
                container.service,
                container.image,
                container.image_id,
                container.config_hash,
                digests,
                running=not container.ended,
                replicas=sum(c.service == container.service for c in containers),
            )
        )
    identity = fingerprint((s.service, s.image_id, s.config_hash) for s in services)
    return Release(f"{timestamp(now)}-{identity[:8]}", stack.name, now, tuple(services), files)
