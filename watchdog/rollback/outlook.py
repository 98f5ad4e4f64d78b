"""Whom a rollback would meet, and how far it is prepared, for its plan: asked of the server, only read.

A server that cannot be asked fails nothing here: what stands against the rollback is told as an obstacle, by
preflight's own requirements. What would be displaced is told by `foresight`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from watchdog.backup.backup import Backup
from watchdog.database.facts import Client, inspect
from watchdog.database.standby import stands
from watchdog.errors import WatchdogError
from watchdog.rollback.run import Hands
from watchdog.rollback.steps.databases import addresses
from watchdog.stack import Database

LIMIT = timedelta(seconds=10)
"""For one database: nothing here grows with the data."""
OPERATION = "plan"


@dataclass(frozen=True, slots=True)
class Outlook:
    """One database.

    Attributes:
        outside: Clients from outside of the stack, which the fence would cut off too.
        standby: Whether a proven copy of the backup stands by, is being made, or has to be restored first.
    """

    database: str
    outside: tuple[Client, ...] = ()
    standby: str = "unknown"


async def outlook(hands: Hands, backup: Backup, database: Database) -> Outlook:
    """What restoring this database of the backup would meet now."""
    try:
        async with asyncio.timeout(LIMIT.total_seconds()):
            return Outlook(
                database.name, await _outside(hands, database), await _standby(hands, backup, database)
            )
    except (WatchdogError, TimeoutError):
        return Outlook(database.name)


async def _outside(hands: Hands, database: Database) -> tuple[Client, ...]:
    cluster = await hands.clusters.of(database, OPERATION)
    facts = await inspect(cluster, database.name, await addresses(hands))
    return facts.outside if facts else ()


async def _standby(hands: Hands, backup: Backup, database: Database) -> str:
    if await stands(await hands.clusters.of(database, OPERATION), database.name, backup.timestamp):
        return "ready: the swap is all that is left to do"
    if hands.standbys.making == backup.timestamp:
        return "being restored: the rollback waits for it"
    return "none: the backup is restored first"
