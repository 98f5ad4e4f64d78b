"""The names of the databases that we create beside the live one, and how we know them again.

Who restores, swaps or cleans up takes names from here; whoever drops one asks `is_side` first.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

from watchdog.errors import Refused

LIMIT_BYTES = 63
"""PostgreSQL's NAMEDATALEN - 1: what is longer is cut silently, so that two names could become one."""
APPLICATION = "ops-watchdog-"
SIDE = "_restore_"
STANDBY = "_standby_"
VERIFY = "_verify_"
DISPLACED = "_pre_rollback_"
_SIDE_PATTERN = re.compile(r".+_(?:restore|standby|verify)_\d{8}_\d{6}", re.DOTALL)
_DISPLACED_PATTERN = re.compile(r".+_pre_rollback_\d{8}_\d{6}", re.DOTALL)
_HASH_DIGITS = 8


def application_name(operation: str = "") -> str:
    """What the server shows for our sessions: `ops-watchdog-<operation>`, as long as it shows names."""
    return f"{APPLICATION}{operation}"[:LIMIT_BYTES] if operation else APPLICATION.rstrip("-")


def side_name(database: str, timestamp: str) -> str:
    """Where a backup is restored: `app_restore_20261120_090000`. What lies there may be half a copy."""
    return _fit(database, f"{SIDE}{timestamp}")


def standby_name(database: str, timestamp: str) -> str:
    """A whole copy of the backup, restored and compared: only then it is called `app_standby_…`."""
    return _fit(database, f"{STANDBY}{timestamp}")


def verify_name(database: str, timestamp: str) -> str:
    """Where a backup is restored only to be compared: `app_verify_…`, dropped right afterwards."""
    return _fit(database, f"{VERIFY}{timestamp}")


def displaced_name(database: str, timestamp: str) -> str:
    """What the live database is called after the swap: `app_pre_rollback_20261120_090000`."""
    return _fit(database, f"{DISPLACED}{timestamp}")


def is_side(name: str) -> bool:
    """Whether it is the name of a copy (side, standby, verify): only such a one may be dropped at once."""
    return _SIDE_PATTERN.fullmatch(name) is not None


def is_displaced(name: str) -> bool:
    """Whether it is the name of a displaced database: dropped only after its time, with its dump proved."""
    return _DISPLACED_PATTERN.fullmatch(name) is not None


def control_database(avoid: Collection[str]) -> str:
    """The database to connect to while those in `avoid` are fenced, renamed or dropped."""
    for name in ("postgres", "template1"):
        if name not in avoid:
            return name
    raise Refused(
        "`postgres` and `template1` cannot both be restored at once: no database is left to connect to"
    )


def _fit(database: str, suffix: str) -> str:
    name = database.encode()
    if len(name) + len(suffix) <= LIMIT_BYTES:
        return database + suffix
    short = "_" + hashlib.sha256(name).hexdigest()[:_HASH_DIGITS]
    cut = name[: LIMIT_BYTES - len(suffix) - len(short)].decode(errors="ignore")
    return f"{cut}{short}{suffix}"
