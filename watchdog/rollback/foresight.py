"""What a rollback would displace, table by table, told before it is done: for the plan's printout.

From the live database and the backup's account alone, so at most: a rewritten row looks like a changed one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from watchdog.backup.backup import Backup
from watchdog.database.losses import origin, would_displace
from watchdog.errors import WatchdogError
from watchdog.rollback.run import Hands
from watchdog.stack import Database

WITHIN = timedelta(seconds=20)
"""For one database: 5 M rows take a second; a person waits for the plan."""
REPLACED_SINCE = (
    "another database was backed up than is live now (a rollback swapped it), so only the growth of each "
    "table is known, not which rows changed"
)
NO_MOMENT = (
    "a script's dump does not say when it was made, so only the growth of each table is known, not which "
    "rows changed"
)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One table. `written` rows since the backup at most (None: not known); `net`: grown by so many."""

    database: str
    table: str
    written: int | None
    net: int


async def foresee(hands: Hands, backup: Backup | None) -> tuple[list[Foreseen], list[str]]:
    """The tables that would lose something, and for each database of which that is not known, why."""
    tables: list[Foreseen] = []
    unknown: list[str] = []
    if backup is None:
        return tables, unknown
    for database in hands.stack.databases:
        if not backup.dumps:
            unknown.append(f"{database.name}: backup {backup.timestamp} has no account to compare it with")
            continue
        try:
            async with asyncio.timeout(WITHIN.total_seconds()):
                found, doubt = await _foresee(hands, database, backup)
            tables += found
            unknown += [f"{database.name}: {doubt}"] if doubt else []
        except (WatchdogError, TimeoutError) as error:
            unknown.append(f"{database.name}: {str(error) or 'counting takes too long'}")
    return tables, unknown


async def _foresee(hands: Hands, database: Database, backup: Backup) -> tuple[list[Foreseen], str]:
    """The tables, and why what was written in them is not known; empty where it is."""
    kept = backup.dump(database.name).account
    cluster = await hands.clusters.of(database, "plan")
    async with cluster.connect(database.name) as live:
        doubt = "" if kept.snapshot else NO_MOMENT
        if kept.origin and kept.origin != await origin(live):
            doubt = REPLACED_SINCE
        found = await would_displace(live, kept.snapshot, kept.contents.tables)
    told = [Foreseen(database.name, loss.table, None if doubt else loss.written, loss.net) for loss in found]
    return sorted((t for t in told if t.written or t.net), key=lambda t: -(t.written or abs(t.net))), doubt
