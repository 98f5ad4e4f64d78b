"""Guards the restore of plain SQL dumps: such a file is a program, and may be one for another database.

A dump made with `--create --clean`, run against the side database, drops the live one and exits with 0
(tried). So each line is read here before psql sees it; `restore` puts this in front of every plain dump.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from watchdog.errors import Corrupt, Refused

TRAILER = b"-- PostgreSQL database dump complete"
"""The last words of pg_dump; psql ends with 0 on a dump that was cut off."""
HARMLESS = frozenset({b"\\restrict", b"\\unrestrict"})
_COPY = re.compile(rb"COPY\b.*\bFROM\s+stdin\b[^;]*;\s*$", re.IGNORECASE)
_COPY_END = b"\\.\n"
_TOKEN = re.compile(
    rb"--[^\n]*|/\*|[eE]'|'|\"|\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$|\\[^\s]+|[A-Za-z_\x80-\xff][\w$\x80-\xff]*|;"
)
_CLOSING = {
    b"'": re.compile(rb"'"),
    b'"': re.compile(rb'"'),
    b"e'": re.compile(rb"\\.|'", re.DOTALL),
    b"/*": re.compile(rb"/\*|\*/"),
}
_CHANGES = frozenset({b"create", b"alter", b"drop"})


async def guarded(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Whole lines of a plain dump, each passed on only after it was found harmless.

    Raises `Refused` on statements and psql commands that reach beyond the database, `Corrupt` at the end of a
    dump that was cut off.
    """
    scanner = Scanner()
    rest = b""
    async for chunk in chunks:
        head, newline, rest = (rest + chunk).rpartition(b"\n")
        if newline:
            scanner.scan(head + newline)
            yield head + newline
    if rest:
        scanner.scan(rest + b"\n")
        yield rest + b"\n"
    if not scanner.complete:
        raise Corrupt("the dump was cut off: pg_dump's closing line is missing; choose another backup")


class Scanner:
    """Follows psql's reading of a dump: COPY data, strings, comments, and the words in between."""

    def __init__(self) -> None:
        self.complete = False
        self._in_copy = False
        self._open = b""
        self._comment_depth = 0
        self._word = b""

    def scan(self, lines: bytes) -> None:
        """Read complete lines. Raises `Refused`."""
        position = 0
        while position < len(lines):
            if self._in_copy:
                position = self._skip_copy(lines, position)
                continue
            end = lines.index(b"\n", position) + 1
            self._line(lines[position:end])
            position = end

    def _skip_copy(self, lines: bytes, position: int) -> int:
        if lines.startswith(_COPY_END, position):
            end = position + len(_COPY_END)
        elif (found := lines.find(b"\n" + _COPY_END, position)) >= 0:
            end = found + 1 + len(_COPY_END)
        else:
            return len(lines)
        self._in_copy = False
        return end

    def _line(self, line: bytes) -> None:
        outside = not self._open
        if outside and line.startswith(TRAILER):
            self.complete = True
        position = 0
        while position < len(line):
            position = self._inside(line, position) if self._open else self._outside(line, position)
        if outside and not self._open and _COPY.match(line):
            self._in_copy = True

    def _outside(self, line: bytes, position: int) -> int:
        match = _TOKEN.search(line, position)
        if match is None:
            return len(line)
        token = match.group()
        lowered = token.lower()
        if lowered in _CLOSING:
            self._open, self._comment_depth = lowered, 1
        elif token.startswith(b"$"):
            self._open = token
        elif token.startswith(b"\\"):
            if token not in HARMLESS:
                raise _refused(token)
            return len(line)
        elif not token.startswith(b"--"):
            self._next_word(lowered)
        return match.end()

    def _inside(self, line: bytes, position: int) -> int:
        if self._open.startswith(b"$"):
            end = line.find(self._open, position)
            if end < 0:
                return len(line)
            end += len(self._open)
            self._open = b""
            return end
        match = _CLOSING[self._open].search(line, position)
        if match is None:
            return len(line)
        if self._open == b"/*":
            self._comment_depth += 1 if match.group() == b"/*" else -1
        if not match.group().startswith(b"\\") and not (self._open == b"/*" and self._comment_depth):
            self._open = b""
        return match.end()

    def _next_word(self, word: bytes) -> None:
        if word == b"database" and self._word in _CHANGES:
            raise _refused(self._word.upper() + b" DATABASE")
        if self._word == b"standard_conforming_strings" and word == b"off":
            raise _refused(b"standard_conforming_strings = off")
        self._word = word


def _refused(what: bytes) -> Refused:
    return Refused(
        f"the plain SQL dump contains `{what.decode(errors='replace')}` and could reach beyond its database; "
        "remove that line from a copy of the dump, or choose another backup"
    )
