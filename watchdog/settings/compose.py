"""The little that must be known of a compose file before any engine is asked: its services and its name.

Lenient: what the file means is the orchestrator's business; only the names are compared with ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from watchdog.settings.document import parse_nodes

_PROJECT_VARIABLE = re.compile(
    r"^\s*(?:export\s+)?COMPOSE_PROJECT_NAME\s*=\s*['\"]?([^'\"\s#$]+)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class ComposeFile:
    """`services` is None where the file includes others, so that the set cannot be known from it."""

    services: frozenset[str] | None
    name: str | None = None


def read_compose(content: bytes) -> ComposeFile:
    """Raises `document.Unparseable`."""
    top = _entries(parse_nodes(content))
    services = top.get("services")
    name = top.get("name")
    known = "include" not in top and "<<" not in _entries(services)
    literal = isinstance(name, ScalarNode) and name.value and "$" not in name.value
    return ComposeFile(
        frozenset(_entries(services)) if known else None, str(name.value) if name and literal else None
    )


def services_of(files: Iterable[ComposeFile]) -> frozenset[str] | None:
    """The services that the files define together, None if unknowable."""
    sets = [file.services for file in files]
    known = [services for services in sets if services is not None]
    return frozenset().union(*known) if len(known) == len(sets) else None


def project_name(files: Iterable[ComposeFile], directory: Path) -> str:
    """What Compose calls the project unless told otherwise: `.env`, the files' `name:`, the directory's name.

    https://docs.docker.com/compose/how-tos/project-name/
    """
    try:
        match = _PROJECT_VARIABLE.search((directory / ".env").read_text(errors="replace"))
    except OSError:
        match = None
    if match:
        return match[1]
    names = [file.name for file in files if file.name]
    return names[-1] if names else _normalized(directory.name)


def _normalized(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")


def _entries(node: Node | None) -> dict[str, Node]:
    if not isinstance(node, MappingNode):
        return {}
    return {str(key.value): value for key, value in node.value if isinstance(key, ScalarNode)}
