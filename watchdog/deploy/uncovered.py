"""Files that no config hash covers: mounted ones, and the stack's `config_files`.

A container that was started with other bytes of them is another release, although image and config hash stay
the same. What is mounted from outside of the stack's directory (the host's time zone, say) is the host's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from watchdog.stack import ConfigFile, Container, Release, Stack


def changed_files(
    stack: Stack, containers: Iterable[Container], before: Release, after: Release
) -> tuple[Path, ...]:
    """The uncovered files that differ between two releases of the same parts, of those that both have."""
    ours = set(stack.config_files) | {
        path for c in containers for path in c.mounted_files if path.is_relative_to(stack.directory)
    }
    known = {file.path: file.content for file in before.files if file.path in ours}
    return tuple(file.path for file in after.files if file.path in known and known[file.path] != file.content)


def started_since(known: Release, containers: Iterable[Container]) -> tuple[Container, ...]:
    """Containers that did not run yet, or not this time, when a release was captured."""
    return tuple(c for c in containers if c.started_at is not None and c.started_at >= known.captured_at)


def as_started(known: Release, found: Release, containers: Sequence[Container]) -> tuple[ConfigFile, ...]:
    """The bytes with which the containers were started, not what lies there now; and files new to us.

    `found` was read a moment ago. A file that only containers from before mount is as it was `known`.
    """
    fresh = started_since(known, containers)
    taken_anew = {path for container in fresh for path in container.mounted_files}
    settled = {path for c in containers if c not in fresh for path in c.mounted_files} - taken_anew
    kept = {file.path: file for file in known.files if not fresh or file.path in settled}
    here = {file.path for file in found.files}
    gone = () if fresh else tuple(file for file in known.files if file.path not in here)
    return (*(kept.get(file.path, file) for file in found.files), *gone)
