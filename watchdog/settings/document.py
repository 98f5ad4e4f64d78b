"""A YAML file as plain values, with the line and column of each: what no loader keeps both of.

ruamel.yaml parses it to nodes (YAML 1.2: `off` and `02:00` are text), and the walk over them finds every
duplicate key, where a loader stops at the first. Messages quote nothing from the file but keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

KeyPath = tuple[str | int, ...]
Position = tuple[int, int]
"""Line and column, both counted from 1."""

_TAG = "tag:yaml.org,2002:"
_QUOTED = re.compile(r"'([^']*)'" + r'|"([^"]*)"')
_PROBLEMS = {
    "found character '\\t' that cannot start any token": "a tab cannot indent: use spaces",
    "found undefined alias": "refers to an anchor that is not there; quote text which begins with '*'",
    "found unexpected end of stream": "a quote is opened and never closed",
}


class Unparseable(ValueError):
    """The text is no YAML; `position` is where that became clear."""

    def __init__(self, text: str, position: Position) -> None:
        super().__init__(text)
        self.position = position


@dataclass(frozen=True, slots=True)
class Document:
    """Values of the file, where each value and each key stands, and what the walk objected to."""

    values: dict[str, Any]
    positions: dict[KeyPath, Position] = field(default_factory=dict)
    keys: dict[KeyPath, Position] = field(default_factory=dict)
    faults: tuple[tuple[Position, KeyPath, str], ...] = ()


def read_document(content: bytes) -> Document:
    """Read one YAML document whose top is a mapping. Raises `Unparseable`."""
    node = parse_nodes(content)
    if node is None:
        return Document({}, {(): (1, 1)})
    if not isinstance(node, MappingNode):
        raise Unparseable("the file must be a mapping of keys (`stacks:` and others)", _position(node))
    walk = _Walk()
    values = walk.value(node, ())
    return Document(values, walk.positions, walk.keys, tuple(walk.faults))


def parse_nodes(content: bytes) -> Node | None:
    """The root node, None for an empty document. Raises `Unparseable`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = error.start - before.rfind(b"\n")
        raise Unparseable("the file must be UTF-8 text", (before.count(b"\n") + 1, column)) from None
    try:
        return YAML(typ="safe", pure=True).compose(text)  # type: ignore[no-any-return]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise Unparseable(_without_quotations(error.problem or "is not YAML"), position) from None
    except YAMLError:
        raise Unparseable("the file holds a character that YAML does not allow", (1, 1)) from None
    except RecursionError:
        raise Unparseable("is nested too deeply", (1, 1)) from None


def _without_quotations(problem: str) -> str:
    for known, text in _PROBLEMS.items():
        if problem.startswith(known):
            return text
    return "is not YAML: " + _QUOTED.sub(_hidden, problem)


def _hidden(quotation: re.Match[str]) -> str:
    """A single character or ruamel's own `<block end>` may be shown; anything longer may be a secret."""
    text = quotation[1] or quotation[2] or ""
    return quotation[0] if len(text) < 2 or re.fullmatch("<[a-z ]+>", text) else "something"


def _position(node: Node) -> Position:
    return node.start_mark.line + 1, node.start_mark.column + 1


class _Walk:
    """One pass over the nodes. `_open` holds the nodes above the current one, against aliases in a circle."""

    def __init__(self) -> None:
        self.positions: dict[KeyPath, Position] = {}
        self.keys: dict[KeyPath, Position] = {}
        self.faults: list[tuple[Position, KeyPath, str]] = []
        self._open: list[Node] = []

    def value(self, node: Node, path: KeyPath) -> Any:
        self.positions[path] = _position(node)
        if any(node is above for above in self._open):
            self._fault(node, path, "refers to itself")
            return None
        if not str(node.tag).startswith(_TAG):
            self._fault(node, path, "has a tag of its own (!…); quote text which begins with '!'")
            return None
        self._open.append(node)
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, path)
            if isinstance(node, SequenceNode):
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self._open.pop()

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if str(key_node.tag) == _TAG + "merge":
                for source in self._merged(value_node):
                    merged = {**self.value(source, path), **merged}
                continue
            if not isinstance(key_node, ScalarNode):
                self._fault(key_node, path, "a key must be text")
                continue
            key = str(key_node.value)
            if key in values:
                line, _ = self.keys[*path, key]
                self._fault(key_node, (*path, key), f"is given twice, first in line {line}")
                continue
            self.keys[*path, key] = _position(key_node)
            values[key] = self.value(value_node, (*path, key))
            if value_node.start_mark.index == value_node.end_mark.index:
                self.positions[*path, key] = self.keys[*path, key]  # nothing written: the parser is elsewhere
        self.positions[path] = _position(node)
        return {**merged, **values}

    def _merged(self, node: Node) -> Iterator[MappingNode]:
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            if isinstance(source, MappingNode) and not any(source is above for above in self._open):
                yield source
            else:
                self._fault(source, (), "only a mapping can be merged with '<<'")

    def _scalar(self, node: Node, path: KeyPath) -> Any:
        # Dates stay text: nothing here is a date, and `2026-01-01` may well be part of a name.
        if str(node.tag).removeprefix(_TAG) not in {"bool", "int", "float", "null"}:
            return str(node.value)
        try:
            return YAML(typ="safe", pure=True).constructor.construct_object(node)
        except (YAMLError, ValueError, OverflowError):
            self._fault(node, path, "is not a number")
            return None

    def _fault(self, node: Node, path: KeyPath, text: str) -> None:
        self.faults.append((_position(node), path, text))
