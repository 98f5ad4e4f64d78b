"""What a rollback would do, told before anybody decides: counted beside the guard, bounded in time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from watchdog.daemon.tools import Tools
from watchdog.rollback.foresight import foresee
from watchdog.rollback.operate import Request
from watchdog.rollback.operation import KEEPS_DATABASE
from watchdog.rollback.prospect import prospect

log = structlog.get_logger(__name__)

WITHIN = timedelta(seconds=10)
"""The alert waits for it; what is not counted by then is told as unknown."""


async def foretell(tools: Tools, request: Request) -> tuple[str, ...]:
    """Sentences for the alert. Raises nothing: an alert must not be lost because rows cannot be counted."""
    backup = request.target.backup if request.plan not in KEEPS_DATABASE else None
    counting = asyncio.create_task(foresee(tools.hands, backup))
    try:
        await asyncio.wait({counting}, timeout=WITHIN.total_seconds())
        if counting.done() and counting.exception() is None:
            tables, unknown = counting.result()
        else:
            names = ", ".join(database.name for database in tools.hands.stack.databases)
            tables, unknown = [], [f"{names}: they could not be counted within {WITHIN.seconds} s"]
            log.warning("rows_not_counted", databases=names, late=not counting.done())
    finally:
        counting.cancel()
    return prospect(request, tables, unknown, tools.hands.clock.now())
