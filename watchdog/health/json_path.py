"""Where in a JSON document a value is looked for: `status`, `checks.database`, `nodes[0].state`.

Keys joined by dots, list items by number: what an operator needs of a health endpoint's answer. Used by the
settings, which refuse what is no path, and by the HTTP probe.
"""

from __future__ import annotations

import json
import re
from typing import Final

Scalar = str | int | float | bool | None
Step = str | int

_KEY, _ITEM = r"[^.\[\]]+", r"\[\d{1,6}\]"
_PATH = re.compile(rf"(?:{_KEY}|{_ITEM})(?:\.{_KEY}|{_ITEM})*")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


class _Nothing:
    """What a document does not hold; None is JSON's null."""


NOTHING: Final = _Nothing()


def steps(path: str) -> tuple[Step, ...]:
    """The keys and item numbers of a path. Raises ValueError where it is none."""
    if not _PATH.fullmatch(path):
        raise ValueError("is no path such as status, checks.database or nodes[0].state")
    return tuple(int(item) if item else key for item, key in _STEP.findall(path))


def value_at(document: object, path: str) -> object:
    """What lies there, or `NOTHING`."""
    found = document
    for step in steps(path):
        match found:
            case list() if isinstance(step, int) and step < len(found):
                found = found[step]
            case dict() if step in found:
                found = found[step]
            case _:
                return NOTHING
    return found


def complaint(document: object, path: str, expected: Scalar) -> str | None:
    """What is wrong with the value at `path`, None where it is as expected.

    Numbers and booleans are shown; text is not, it may be a secret or a person's data.
    """
    found = value_at(document, path)
    if _same(found, expected):
        return None
    if found is NOTHING:
        return f"{path} is missing"
    return f"{path} is {_shown(found)}, expected {json.dumps(expected, ensure_ascii=False)}"


def _same(found: object, expected: Scalar) -> bool:
    """`1` is `1.0` and not `true`."""
    return isinstance(found, bool) is isinstance(expected, bool) and found == expected


def _shown(found: object) -> str:
    match found:
        case str():
            return "another text"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return json.dumps(found)
