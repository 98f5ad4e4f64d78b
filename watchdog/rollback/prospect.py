"""What a rollback that nobody has begun would do, in sentences for an alert: pair, plan, cost, command.

Pure.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime

from watchdog.rollback.foresight import Foreseen
from watchdog.rollback.operate import Request
from watchdog.rollback.operation import KEEPS_DATABASE
from watchdog.rollback.plan import PLANS
from watchdog.rollback.printout import age_words

TOLD = 5
"""Tables in an alert; `rollback --plan` has all of them."""


def prospect(
    request: Request, tables: Sequence[Foreseen], unknown: Sequence[str], now: datetime
) -> tuple[str, ...]:
    """Where it would go back to, by which steps, and what would be displaced at most."""
    steps = " → ".join(step.__name__.replace("_", " ") for step in PLANS[request.plan])
    return (
        f"It would go back to release {request.target.release.id}, {_data(request, now)}: {steps}.",
        *_losses(request, tables, unknown),
    )


def _data(request: Request, now: datetime) -> str:
    backup = request.target.backup
    if backup is None or request.plan in KEEPS_DATABASE:
        return "the database stays as it is"
    return f"with backup {backup.timestamp} ({age_words(now - backup.at)} old)"


def _losses(request: Request, tables: Sequence[Foreseen], unknown: Sequence[str]) -> Iterator[str]:
    if request.target.backup is None or request.plan in KEEPS_DATABASE:
        return
    if not tables and not unknown:
        yield "It would displace no rows."
    for table in tables[:TOLD]:
        rows = table.written or abs(table.net)
        yield f"It would displace up to {rows} rows of {table.table} in {table.database}."
    if len(tables) > TOLD:
        yield f"It would displace rows of {len(tables) - TOLD} further tables."
    yield from (f"Nobody knows how many rows it would displace in {reason}." for reason in unknown)


def command(request: Request, stack: str) -> str:
    """The same by hand, on a terminal: it shows the plan and asks."""
    argv = ["ops-watchdog", "rollback", "--stack", stack]
    if request.target.backup is not None:
        argv += ["--backup-timestamp", request.target.backup.timestamp]
        argv += ["--keep-database"] if request.plan in KEEPS_DATABASE else []
    return shlex.join(argv)
