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
    referenced = [path for file in stack.files for path in _referenced(file, stack.directory)]
    return list(dict.fromkeys([*stack.files, *env_files, *referenced, *stack.config_files]))


def read(path: Path) -> ConfigFile:
    """The file as it lies there now, symbolic links followed. Raises OSError."""
    status = path.stat()
    return ConfigFile(path, path.read_bytes(), status.st_mode & 0o7777, status.st_uid, status.st_gid)


def _referenced(file: Path, directory: Path) -> Iterator[Path]:
    """Files named by `env_file`, `extends.file`, `include`, and by file-based configs and secrets."""
    document = _parse(file)
    for name in _names(document):
        if "$" not in name:
            yield (directory / name).resolve() if not Path(name).is_absolute() else Path(name)


def _parse(file: Path) -> dict[str, Any]:
    try:
        document = YAML(typ="safe", pure=True).load(file.read_bytes())
    except (OSError, YAMLError):
        return {}
    return document if isinstance(document, dict) else {}


def _names(document: dict[str, Any]) -> Iterator[str]:
    for service in _mappings(document.get("services")):
        yield from _paths(service.get("env_file"))
        yield from _paths(service.get("extends"), key="file")
    yield from _paths(document.get("include"))
    for section in ("configs", "secrets"):
        for entry in _mappings(document.get(section)):
            yield from _paths(entry, key="file")


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
