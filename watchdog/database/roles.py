"""Which statements of a saved globals file create the roles that a server lacks. Pure: text to statements.

The file is pg_dumpall's; its statements hold passwords, so nothing of them may be shown.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_STATEMENT = re.compile(r"""\s*(?:(?:--|\\)[^\n]*\n\s*)*((?:[^;'"]|'(?:[^']|'')*'|"(?:[^"]|"")*")+);""")
_NAME = r"""("(?:[^"]|"")+"|[^\s;"]+)"""
_OF_ROLE = re.compile(rf"(?:CREATE|ALTER|COMMENT ON) ROLE {_NAME}(?!.* IN DATABASE )", re.DOTALL)
_CREATE = re.compile(rf"CREATE ROLE {_NAME}$")
_MEMBER = re.compile(rf"GRANT {_NAME} TO {_NAME}(.*?)( GRANTED BY {_NAME})?$", re.DOTALL)


def missing_roles(globals_text: str, existing: Collection[str]) -> tuple[str, ...]:
    """The roles that the text creates and that do not exist, in its order."""
    found = (_CREATE.fullmatch(statement) for statement in _statements(globals_text))
    names = [_plain(match[1]) for match in found if match]
    return tuple(name for name in names if name not in existing)


def statements_for(globals_text: str, roles: Collection[str]) -> tuple[str, ...]:
    """What creates these roles, gives them their attributes, and makes them members; nothing of others.

    Who granted a membership is left out: that role may be another one here.
    """
    chosen = []
    for statement in _statements(globals_text):
        if (of_role := _OF_ROLE.match(statement)) and _plain(of_role[1]) in roles:
            chosen.append(statement)
        if (member := _MEMBER.fullmatch(statement)) and {_plain(member[1]), _plain(member[2])} & {*roles}:
            chosen.append(f"GRANT {member[1]} TO {member[2]}{member[3]}")
    return tuple(chosen)


def _statements(text: str) -> list[str]:
    return [match[1].strip() for match in _STATEMENT.finditer(text)]


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
