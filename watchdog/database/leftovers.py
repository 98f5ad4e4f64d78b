"""The copies of ours that lie beside a live database, and which of them may go.

`rollback.standby` drops what a closed window, another deployment or a dead process left. A copy is known by
its exact name, made again from the live one's and the timestamp in it: what merely looks alike is not ours.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from watchdog.clock import Clock, parse_timestamp
from watchdog.database import sql
from watchdog.database.names import application_name, control_database, side_name, standby_name, verify_name
from watchdog.database.ports import Cluster
from watchdog.database.restore import discard_side

ALL = "SELECT datname::text FROM pg_database"
_STAMP = re.compile(r"\d{8}_\d{6}\Z")


@dataclass(frozen=True, slots=True)
class Copy:
    """A database that we made from the backup of `timestamp`.

    Attributes:
        proven: It has a standby's name, so it was restored and compared; else it may be half a copy.
        fenced: It refuses connections, as a proven copy does until somebody opens it.
        strangers: How many sessions hold it that are not ours.
        ours: Fenced, or marked as being worked on; any other is somebody's own that is called alike.
    """

    name: str
    timestamp: str
    proven: bool
    fenced: bool = True
    size_bytes: int = 0
    strangers: int = 0
    ours: bool = True


def copies_of(live: str, names: Iterable[str]) -> list[Copy]:
    """Those of the names that we made for copies of this live database; a displaced one is no copy."""
    return [copy for name in sorted(names) if (copy := _copy_of(live, name)) is not None]


def may_go(
    copies: Sequence[Copy],
    needed: Collection[str],
    making: str = "",
    abandoned: Collection[str] | None = None,
) -> list[Copy]:
    """The copies that nobody needs; all others are timestamps of backups.

    A half copy may be somebody's work: only those `abandoned` go, or all where that is None because the
    stack's lock is held; never the one in the `making`. What a stranger is connected to stays until he left.
    """
    return [
        copy
        for copy in copies
        if copy.timestamp != making
        and copy.ours
        and not copy.strangers
        and (
            copy.timestamp not in needed if copy.proven else abandoned is None or copy.timestamp in abandoned
        )
    ]


def spared(copies: Sequence[Copy], timestamp: str | None, wanted_bytes: int) -> int:
    """Bytes beyond those that are free, for the restore of this backup (None: of any).

    All that is wanted where its copy stands; what is not swapped in is dropped first and gives its room back.
    """
    stands = any(c.proven and c.fenced and timestamp in (None, c.timestamp) for c in copies)
    return wanted_bytes if stands else sum(copy.size_bytes for copy in copies if copy.ours)


async def find_copies(cluster: Cluster, live: str) -> list[Copy]:
    """What lies beside this database now."""
    async with cluster.connect(control_database([live])) as session:
        known = {copy.name: copy for copy in copies_of(live, [str(n) for (n,) in await session.rows(ALL)])}
        rows = await session.rows(_details(known)) if known else []
    return [
        replace(
            known[name],
            fenced=not open_to_all,
            size_bytes=int(size),
            strangers=int(strangers),
            ours=not open_to_all or comment == sql.COPY,
        )
        for name, open_to_all, size, strangers, comment in rows
    ]


async def drop_copies(cluster: Cluster, live: str, copies: Sequence[Copy], clock: Clock) -> tuple[str, ...]:
    """Drop them; returns their names."""
    for copy in copies:
        await discard_side(cluster, live, copy.name, clock)
    return tuple(copy.name for copy in copies)


def _details(names: Iterable[str]) -> str:
    """Name, whether it lets anybody in, bytes, the sessions in it that are not ours, and its comment."""
    ours = sql.literal(application_name())
    return (
        "SELECT d.datname::text, d.datallowconn, pg_database_size(d.oid), (SELECT count(*)"
        " FROM pg_stat_activity a WHERE a.datid = d.oid AND a.backend_type = 'client backend'"
        f" AND NOT starts_with(coalesce(a.application_name, ''), {ours})),"
        " shobj_description(d.oid, 'pg_database')"
        f" FROM pg_database d WHERE d.datname IN {sql.literals(names)} ORDER BY 1"
    )


def _copy_of(live: str, name: str) -> Copy | None:
    stamp = found[0] if (found := _STAMP.search(name)) else ""
    if name not in (make(live, stamp) for make in (side_name, standby_name, verify_name)):
        return None
    try:
        parse_timestamp(stamp)
    except ValueError:
        return None
    return Copy(name, stamp, proven=name == standby_name(live, stamp))
