"""Guards the restore of plain SQL dumps: such a file is a program, and may be one for another database.

A dump made with `--create --clean`, run against the side database, drops the live one and exits with 0
(tried). So each line is read here, as psql would read it, before psql sees it; `restore` puts this in front
of every plain dump. What its statements may be is said in `plain_words`.

It keeps from accidents: dumps of pg_dumpall, of `pg_dump --create`, scripts meant for another place. It is no
jail: a function that the dump defines may do what the role may that restores it. Restoring as a role
that can do nothing elsewhere would be one, but ordinary dumps give objects to their owners, create extensions
and event triggers, and so need a superuser or a member of every owner, who may reach the live database too.
Whoever can write the dumps of a host can have its data changed anyway.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from watchdog.database.plain_words import QUOTED, STRING, Statement
from watchdog.errors import Corrupt, Refused

TRAILER = b"-- PostgreSQL database dump complete"
"""The last words of pg_dump; psql ends with 0 on a dump that was cut off."""
STRINGS_AS_STANDARD = b"SET standard_conforming_strings = on;\n"
"""Put before every dump: where the role's own setting is off, a backslash would end strings elsewhere."""
_RESTRICT = re.compile(rb"\\(?:un)?restrict [A-Za-z0-9]+\r?\n")
_SEARCH_PATH = re.compile(rb"SELECT (?:pg_catalog\.)?set_config\('search_path', '[^'\\]*', false\);\s*")
_ENCODING = re.compile(rb"SET (?:client_encoding (?:=|TO) |NAMES )'?([\w-]+)'?;\s*", re.IGNORECASE)
_AMBIGUOUS = frozenset(
    b"sjis shiftjis mskanji win932 windows932 shiftjis2004 big5 win950 windows950 gbk win936 windows936"
    b" gb18030 uhc win949 windows949 johab".split()
)
"""Encodings of clients in which the second byte of a letter may be a quote's or a backslash's own."""
_COPY_END = re.compile(rb"^\\\.\r?\n", re.MULTILINE)
_TOKEN = re.compile(
    rb"--[^\n\r]*|/\*|[eE]'|'|\"|\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$|\$\d+[\w$\x80-\xff]?|\\|\r(?!\n)"
    rb"|\d[\w.\x80-\xff]*[$']?|[A-Za-z_\x80-\xff][\w$\x80-\xff]*|[;()]"
)
_DOLLAR_QUOTE = re.compile(rb"\$(?:[^\d$][^$]*)?\$")
_CLOSING = {
    b"'": re.compile(rb"'"),
    b'"': re.compile(rb'"'),
    b"e'": re.compile(rb"\\.|'", re.DOTALL),
    b"/*": re.compile(rb"/\*|\*/"),
}
_ROUTINES = frozenset({b"function", b"procedure"})
_LONGEST_HEAD = 8
"""Words of a statement among which psql looks for what it creates: it looks at four, and counts fewer."""
_COMMANDS = frozenset(b"! c cd connect copy g gexec gset i include ir o set w".split())
"""psql's commands that may be named in an error; other words after a backslash may be data."""


async def guarded(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Whole lines of a plain dump, each passed on only after it was found harmless.

    Raises `Refused` on statements and psql commands that reach beyond the database, `Corrupt` at the end of a
    dump that was cut off.
    """
    scanner = Scanner()
    rest: list[bytes] = []
    yield STRINGS_AS_STANDARD
    async for chunk in chunks:
        head, newline, tail = chunk.rpartition(b"\n")
        if newline:
            lines = b"".join([*rest, head, newline])
            rest = []
            scanner.scan(lines)
            yield lines
        rest.append(tail)
    if last := b"".join(rest):
        scanner.scan(last + b"\n")
        yield last + b"\n"
    if not scanner.complete:
        raise Corrupt("the dump was cut off: pg_dump's closing line is missing; choose another backup")


async def require_harmless(chunks: AsyncIterator[bytes]) -> None:
    """Read a plain dump to its end without running it. Raises what `guarded` raises."""
    async for _ in guarded(chunks):
        pass


class Scanner:
    """Follows psql's reading of a dump: COPY data, strings, comments, and the words in between."""

    def __init__(self) -> None:
        self.complete = False
        self._in_copy = False
        self._open = b""
        self._comment_depth = 0
        self._statement = Statement()
        self._nesting = Nesting()
        self._text = b""

    def scan(self, lines: bytes) -> None:
        """Read complete lines. Raises `Refused`."""
        if b"\0" in lines:  # psql takes it for the end of the line
            raise _refused("a NUL byte")
        position = 0
        while position < len(lines):
            if self._in_copy:
                end = _COPY_END.search(lines, position)
                self._in_copy = end is None
                position = end.end() if end else len(lines)
                continue
            end_of_line = lines.index(b"\n", position) + 1
            self._line(lines[position:end_of_line])
            position = end_of_line

    def _line(self, line: bytes) -> None:
        self._text = line
        if not self._open:
            self.complete |= line.startswith(TRAILER)
            if _RESTRICT.fullmatch(line):  # psql's own guard, which pg_dump puts around a dump since 2025
                return
        position = 0
        while position < len(line):
            position = self._inside(line, position) if self._open else self._outside(line, position)
        if self._statement.verb == b"copy":
            raise _refused("a COPY over several lines")

    def _outside(self, line: bytes, position: int) -> int:
        match = _TOKEN.search(line, position)
        if match is None:
            return len(line)
        token = match.group().lower()
        if token in _CLOSING or _DOLLAR_QUOTE.fullmatch(token):
            self._open, self._comment_depth = (match.group() if token[:1] == b"$" else token), 1
            if token != b"/*":
                self._word(QUOTED if token == b'"' else STRING)
        elif token == b";":
            self._end_of_statement(line[match.end() :])
        elif token[:1].isalpha() or token[:1] == b"_" or token[0] >= 0x80:
            self._nesting.word(token)
            self._word(token)
        elif token in {b"(", b")"}:
            self._nesting.parenthesis(token)
        elif token[:2] != b"--":
            _require_plain(token, line[match.start() :])
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

    def _word(self, word: bytes) -> None:
        first = not self._statement.verb
        if fault := self._statement.add(word):
            raise _refused(fault)
        if word == b"copy" and first and (self._nesting.deep or not self._text.lower().startswith(b"copy")):
            raise _refused("a COPY amid other statements")
        if word == b"set_config" and self._statement.verb != b"create":
            _require_like(_SEARCH_PATH, self._text, "set_config")
        if word in {b"client_encoding", b"names"} and self._statement.verb == b"set":
            encoding = _require_like(_ENCODING, self._text, "SET client_encoding")
            if re.sub(rb"\W|_", b"", encoding.lower()) in _AMBIGUOUS:
                raise _refused("an encoding in which letters may hold quotes")

    def _end_of_statement(self, rest: bytes) -> None:
        if fault := self._statement.end():
            raise _refused(fault)
        if self._statement.verb == b"copy":
            if rest.strip():
                raise _refused("a COPY amid other statements")
            self._in_copy = True
        self._statement = Statement()
        self._nesting.semicolon()


class Nesting:
    """Where psql does not end a statement at a semicolon: in parentheses, and in a function's own block.

    As psql since 14, but never less deep: it counts BEGIN, CASE and END of a CREATE FUNCTION.
    """

    def __init__(self) -> None:
        self._parentheses = self._blocks = 0
        self._head: list[bytes] = []

    @property
    def deep(self) -> bool:
        return bool(self._parentheses or self._blocks)

    def parenthesis(self, token: bytes) -> None:
        self._parentheses = max(0, self._parentheses + (1 if token == b"(" else -1))

    def word(self, word: bytes) -> None:
        if len(self._head) < _LONGEST_HEAD:
            self._head.append(word)
        if self._parentheses or not _ROUTINES & set(self._head):
            return
        if word == b"begin" or (word == b"case" and self._blocks):
            self._blocks += 1
        elif word == b"end" and self._blocks:
            self._blocks -= 1

    def semicolon(self) -> None:
        if not self.deep:
            self._head = []


def _require_plain(token: bytes, rest: bytes) -> None:
    """Refuse what psql runs itself, and what its versions read in different ways."""
    if token == b"\\":
        command = re.match(rb"\\([a-z]+|!)", rest)
        known = command is not None and command[1] in _COMMANDS
        raise _refused(command[0].decode() if command and known else "a command of psql's own")
    if token == b"\r":
        raise _refused("a carriage return amid a line")
    if token[-1:] in {b"$", b"'"} or (token[:1] == b"$" and not token[1:].isdigit()):
        raise _refused("a number run together with a quote")


def _require_like(pattern: re.Pattern[bytes], line: bytes, what: str) -> bytes:
    """The pattern's first group. Raises `Refused` where the line is not like it."""
    if (match := pattern.fullmatch(line)) is None:
        raise _refused(what)
    return match[1] if match.lastindex else b""


def _refused(what: str) -> Refused:
    return Refused(
        f"the plain SQL dump contains `{what}` and could reach beyond its database; "
        "remove that line from a copy of the dump, or choose another backup"
    )
