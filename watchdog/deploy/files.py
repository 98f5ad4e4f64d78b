"""The files that define a stack: which they are, and reading one with everything that makes it up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from watchdog.stack import ConfigFile, Stack

DEFAULT_ENV_FILE = ".env"


def defining_files(stack: Stack) -> list[Path]:
    """Absolute paths, compose files first in their order, then env files, included and further files.

    A file that a compose file names but that does not exist is in the list: the reader leaves it out.
    """
    env_files = list(stack.env_files) or [stack.directory / DEFAULT_ENV_FILE]
    seen: set[Path] = set()
    referenced = [path for file in stack.files for path in _referenced(file, stack.directory, seen)]
    return list(dict.fromkeys([*stack.files, *env_files, *referenced, *stack.config_files]))


def read(path: Path) -> ConfigFile:
    """The file as it lies there now, symbolic links followed. Raises OSError."""
    status = path.stat()
    return ConfigFile(path, path.read_bytes(), status.st_mode & 0o7777, status.st_uid, status.st_gid)


def _referenced(file: Path, directory: Path, seen: set[Path]) -> Iterator[Path]:
    """What the file names, and what the compose files among these name in turn; relative to `directory`."""
    if file in seen:
        return
    seen.add(file)
    document = _parse(file)
    for name in _names(document):
        yield from _resolved(name, directory)
    for name, own_directory in _nested(document):
        for path in _resolved(name, directory):
            yield path
            inner = next(_resolved(own_directory, directory), path.parent) if own_directory else path.parent
            yield from _referenced(path, inner, seen)


def _resolved(name: str, directory: Path) -> Iterator[Path]:
    """The path, unless a variable is part of it."""
    if "$" not in name:
        yield Path(name) if Path(name).is_absolute() else (directory / name).resolve()


def _parse(file: Path) -> dict[str, Any]:
    try:
        document = YAML(typ="safe", pure=True).load(file.read_bytes())
    except (OSError, YAMLError):
        return {}
    return document if isinstance(document, dict) else {}


def _names(document: dict[str, Any]) -> Iterator[str]:
    for service in _mappings(document.get("services")):
        yield from _paths(service.get("env_file"))
    yield from _paths(document.get("include"), key="env_file")
    for section in ("configs", "secrets"):
        for entry in _mappings(document.get(section)):
            yield from _paths(entry, key="file")


def _nested(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Further compose files, and the directory their own paths start from; empty: where the file lies."""
    for service in _mappings(document.get("services")):
        for name in _paths(service.get("extends"), key="file"):
            yield name, ""
    included = document.get("include")
    for entry in included if isinstance(included, list) else []:
        own = entry.get("project_directory") if isinstance(entry, dict) else None
        for name in _paths([entry]):
            yield name, own if isinstance(own, str) else ""


def _mappings(section: object) -> Iterator[dict[str, Any]]:
    if isinstance(section, dict):
        yield from (value for value in section.values() if isinstance(value, dict))


def _paths(value: object, key: str = "path") -> Iterator[str]:
    """A path, a list of paths, or mappings that hold one under `key`."""
    if isinstance(value, str) and key == "path":
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item, key)
    elif isinstance(value, dict):
        inner = value.get(key)
        if isinstance(inner, str):
            yield inner
        elif isinstance(inner, list):
            yield from (item for item in inner if isinstance(item, str))
