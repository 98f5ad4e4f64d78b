"""What is wrong with a configuration, where, and what is allowed instead: one line a fault."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

from watchdog.settings.document import Document, KeyPath, Position
from watchdog.settings.sections import Settings

Finding = tuple[KeyPath, str]
"""A place in the configuration, and what is wrong there."""

_TEXTS = {
    "missing": "is required",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of keys",
    "model_type": "must be a mapping of keys",
    "model_attributes_type": "must be a mapping of keys",
    "path_type": "must be a path",
    "too_short": "must not be empty",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
    "value_error": "{error}",
}
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false (quoted, it would be text)"),
    (int, "a number (quoted, it would be text)"),
    (float, "a number (quoted, it would be text)"),
    (date, "a date (quoted, it would be text)"),
    (list, "a list"),
    (dict, "a mapping"),
    (type(None), "nothing"),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """`where` is `FILE:LINE:COLUMN` or names an environment variable; `key` is the dotted key.

    `position` sorts the faults as they stand in the file, the environment's first.
    """

    where: str
    key: str
    text: str
    position: Position = (0, 0)

    def __str__(self) -> str:
        return f"{self.where} {self.key}: {self.text}" if self.key else f"{self.where}: {self.text}"


@dataclass(frozen=True, slots=True)
class Locator:
    """Knows where each value came from: the file, or the variable that overrides it."""

    file: str
    document: Document
    overrides: Mapping[str, Any]
    variables: Mapping[KeyPath, str]

    def fault(self, path: KeyPath, text: str, *, at_key: bool = False) -> Fault:
        """A fault of the value at `path`, or of the key itself; the nearest known place is named."""
        place = path
        while place not in self.document.positions:
            place = place[:-1]
        set_by = self._variable(path, len(place))
        if isinstance(path[-1], int) and place == path[:-1] and not set_by:
            path = place  # one value, written without the list that it stands for
        if set_by:
            return Fault(f"environment variable {set_by}", dotted(path), text)
        # What is missing from a section is best looked for at the section's own key.
        keys = self.document.keys if at_key or place != path else {}
        return self.at(keys.get(place, self.document.positions[place]), path, text)

    def at(self, position: Position, path: KeyPath, text: str) -> Fault:
        """A fault of the file, at a position that is known already."""
        line, column = position
        return Fault(f"{self.file}:{line}:{column}", dotted(path), text, position)

    def _variable(self, path: KeyPath, depth_in_file: int) -> str | None:
        """The variable behind the value, if the environment reaches further down the path than the file."""
        value: Any = self.overrides
        depth = 0
        for part in path:
            if not _has(value, part):
                break
            value = value[part]
            depth += 1
        if depth < depth_in_file or (
            depth == depth_in_file and (depth < len(path) or isinstance(value, dict))
        ):
            return None
        reached = path[:depth]
        related = (v for k, v in self.variables.items() if k == reached[: len(k)] or k[:depth] == reached)
        return next(related, None)


def _has(value: Any, part: int | str) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, Mapping) and part in value


def dotted(path: KeyPath) -> str:
    """`stacks.shop.checks[0].interval`; what looks like no key may be a value that went astray: `…`"""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _KEY.fullmatch(part) else "…")
    return text


def suggestion(key: str, allowed: Iterable[str]) -> str:
    """`unknown key; did you mean 'x'? Allowed: …`"""
    names = list(allowed)
    close = difflib.get_close_matches(key, names, 1)
    hint = f"unknown key; did you mean {close[0]!r}?" if close else "unknown key."
    return f"{hint} Allowed: {', '.join(names)}"


def faults_of(error: ValidationError, locator: Locator) -> list[Fault]:
    """Each of pydantic's complaints in an operator's words, without the values."""
    return [_translated(details, locator) for details in error.errors(include_url=False)]


def _translated(details: Mapping[str, Any], locator: Locator) -> Fault:
    raw, kind = details["loc"], details["type"]
    path = _written(raw)
    if kind == "extra_forbidden":
        return locator.fault(path, suggestion(str(raw[-1]), _allowed(raw[:-1])), at_key=True)
    if raw[-1:] == ("[key]",):
        return locator.fault(path, _text(details), at_key=True)
    return locator.fault(path, _text(details))


def _text(details: Mapping[str, Any]) -> str:
    template = _TEXTS.get(details["type"])
    if template is None:
        return str(details["msg"])
    text = template.format(**details.get("ctx", {}))
    if details["type"].endswith("_type"):
        return f"{text}, not {_kind(details['input'])}"
    return text


def _kind(value: Any) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "text")


def _written(raw: tuple[int | str, ...]) -> KeyPath:
    """The path as the operator wrote it: without the tag of a check's kind, without pydantic's marks."""
    path: list[int | str] = []
    skip = False
    for part in raw:
        if not skip and part != "[key]":
            path.append(part)
        skip = len(path) >= 2 and path[-2] == "checks" and isinstance(part, int) and not skip
    return tuple(path)


def _allowed(raw: tuple[int | str, ...]) -> list[str]:
    """The keys of the section at pydantic's path, empty where that is no section."""
    annotation: Any = Settings
    for part in raw:
        annotation = _inside(annotation, part)
    fields = getattr(annotation, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _inside(annotation: Any, part: int | str) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _bare(annotation.model_fields[str(part)].annotation)
    arguments = get_args(annotation)
    tagged = [argument for argument in arguments if Tag(str(part)) in get_args(argument)]
    if tagged:
        return _bare(tagged[0])
    return _bare(arguments[1] if get_origin(annotation) is dict else arguments[0])


def _bare(annotation: Any) -> Any:
    """Without `Annotated` and `| None`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    arguments = get_args(annotation)
    return arguments[0] if arguments[1:] == (type(None),) else annotation
