"""What a plain dump may say: the statements of pg_dump's own, as far as they stay within one database.

Pure: `plain` reads the words off the dump and asks here. Whatever is not known to be harmless is refused, but
what a function does that the dump defines, nobody can read off it: see `plain`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

QUOTED = b'"'
"""Stands for a quoted identifier among the words,"""
STRING = b"'"
"""and this for a string."""

VERBS = frozenset(
    b"alter analyze begin comment commit copy create delete drop end grant insert lock merge notify refresh"
    b" reindex release reset return revoke rollback savepoint security select set start table truncate update"
    b" vacuum values with".split()
)
SHARED = frozenset(b"database group parameter role system tablespace user".split())
"""Kinds of objects that belong to the whole server."""
CATALOGS = frozenset(
    b"pg_auth_members pg_authid pg_database pg_db_role_setting pg_parameter_acl pg_replication_origin"
    b" pg_shdepend pg_shdescription pg_shseclabel pg_subscription pg_tablespace".split()
)
FUNCTIONS = frozenset(
    b"dblink dblink_connect dblink_connect_u dblink_exec dblink_open dblink_send_query lo_export lo_import"
    b" pg_cancel_backend pg_create_logical_replication_slot pg_create_physical_replication_slot"
    b" pg_drop_replication_slot pg_file_rename pg_file_unlink pg_file_write pg_ls_dir pg_promote pg_read_file"
    b" pg_read_binary_file pg_reload_conf pg_rotate_logfile pg_stat_file pg_switch_wal"
    b" pg_terminate_backend".split()
)
_DEFINING = frozenset({b"create", b"alter", b"drop"})
_GRANTING = frozenset({b"grant", b"revoke"})
_READING_OR_WRITING = frozenset(b"delete insert merge select table truncate update values with".split())
_SESSION = frozenset({b"role", b"authorization", QUOTED})
_CONFORMING = b"standard_conforming_strings"
_HEAD = 4


@dataclass(slots=True)
class Statement:
    """The words of one statement in lower case, as far as they matter."""

    head: list[bytes] = field(default_factory=list)
    before: bytes = b""
    last: bytes = b""
    names_an_object: bool = False

    @property
    def verb(self) -> bytes:
        return self.head[0] if self.head else b""

    def add(self, word: bytes) -> str:
        """Take the next word up; what is wrong with it, or nothing."""
        if len(self.head) < _HEAD:
            self.head.append(word)
        self.before, self.last = self.last, word
        self.names_an_object |= word == b"on"
        return self._fault()

    def end(self) -> str:
        """What is wrong with the whole statement, once its last word is known."""
        if self.verb in _GRANTING and not self.names_an_object:
            return f"{_shown(self.verb)} of a role"
        if self.verb == b"set" and _CONFORMING in self.head and self.last != b"on":
            return "SET standard_conforming_strings"
        if self.verb == b"copy" and (self.before, self.last) != (b"from", b"stdin"):
            return "COPY with a program, a file or options"
        return ""

    def _fault(self) -> str:
        verb, word, place = self.verb, self.last, len(self.head)
        if place == 1 and verb not in VERBS:
            return "a statement that pg_dump does not write"
        if verb in _DEFINING:
            return self._definition_fault()
        if self.before == b"on" and word in SHARED - self._may_name():
            return f"{_shown(verb)} ON {_shown(word)}"
        if verb in _READING_OR_WRITING and word in CATALOGS | FUNCTIONS:
            return _shown(word)
        return self._setting_fault()

    def _definition_fault(self) -> str:
        head = self.head
        if len(head) < 2 or len(head) > 3 or self.last is not head[-1]:
            return ""
        of_user = head[1] == b"user" and len(head) == 3 and head[2] != b"mapping"
        if of_user or head[1] in SHARED - {b"user"} or head[1] == b"owned":
            return f"{_shown(head[0])} {_shown(head[1])}"
        return ""

    def _may_name(self) -> frozenset[bytes]:
        """pg_dump before version 11 repeated the database's own comment."""
        return frozenset({b"database"}) if self.verb == b"comment" else frozenset()

    def _setting_fault(self) -> str:
        head = self.head
        if head == [b"set", self.last] and self.last in _SESSION:
            return "SET ROLE"
        if len(head) == 3 and head[0] == b"set" and head[1] in {b"local", b"session"} and head[2] in _SESSION:
            return "SET SESSION AUTHORIZATION"
        if head in ([b"reset", b"all"], [b"reset", _CONFORMING]):
            return "RESET"
        if self.verb in {b"commit", b"rollback"} and self.last == b"prepared":
            return f"{_shown(self.verb)} PREPARED"
        return ""


def _shown(word: bytes) -> str:
    """A word of the lists above: never one of the dump's own."""
    return word.decode().upper()
