"""What a person may go back to, with what each would displace: for `rollback` without arguments."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import catalogue
from watchdog.daemon.guard import Guard
from watchdog.rollback.foresight import foresee
from watchdog.rollback.printout import age_words
from watchdog.rollback.target import offered

MOST = 10
"""More than a person chooses from; an older one can be named."""
LIMIT = timedelta(seconds=30)
"""For all the counts together; what is not counted by then is offered without."""


async def offer(guard: Guard, _arguments: Mapping[str, Any], _channel: object, _caller: object) -> Any:
    """Newest first, as JSON-able documents."""
    await guard.looker.look_now()
    directory = guard.tools.settings.backup.directory
    marks = await guard.tools.ledger.marks(guard.name)
    chosen = offered(catalogue(directory, guard.name), marks)[:MOST]
    rows: list[int | None] = [None] * len(chosen)
    try:
        async with asyncio.timeout(LIMIT.total_seconds()):
            for number, backup in enumerate(chosen):
                rows[number] = await _displaced_rows(guard, backup)
    except TimeoutError:
        pass
    return [_document(guard, backup, count) for backup, count in zip(chosen, rows, strict=True)]


async def _displaced_rows(guard: Guard, backup: Backup) -> int | None:
    """Rows written since, at most, or lost with their table; None where nobody can tell."""
    tables, unknown = await foresee(guard.tools.hands, backup)
    return None if unknown else sum(max(table.written or 0, abs(table.net)) for table in tables)


def _document(guard: Guard, backup: Backup, rows: int | None) -> dict[str, Any]:
    release = backup.release
    return {
        "timestamp": backup.timestamp,
        "age": age_words(guard.tools.hands.clock.now() - backup.at),
        "level": backup.level.value,
        "reason": backup.reason,
        "release": release.id if release else None,
        "runs": release is not None and release.fingerprint == guard.watch.fingerprint,
        "rows": rows,
    }
