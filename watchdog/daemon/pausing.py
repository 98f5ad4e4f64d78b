"""What may be asked about pause and maintenance: begin, end, show. Taken up by `requests`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from watchdog.daemon.client import Arguments, Caller, Channel
from watchdog.daemon.guard import Guard
from watchdog.errors import UsageError
from watchdog.rollback.suspension import Suspends, Suspension, holding
from watchdog.settings.units import parse_duration

REASON_MAX = 500
"""Characters of a reason that are kept."""


async def suspend(guard: Guard, arguments: Arguments, _channel: Channel, caller: Caller) -> Any:
    """`kind`: pause or maintenance; `length`: a duration such as 2h; or `end`."""
    kind = _kind(arguments)
    if arguments.get("end"):
        ended = await guard.desk.ask(lambda: guard.suspender.end(kind, str(caller)))
        return document(ended)
    length, reason = _length(arguments), str(arguments.get("reason") or "")[:REASON_MAX]
    begun = await guard.desk.ask(lambda: guard.suspender.begin(kind, length, str(caller), reason))
    return document(begun)


async def suspensions(guard: Guard, _arguments: Arguments, _channel: Channel, _caller: Caller) -> Any:
    """Those that hold now."""
    rows = await guard.tools.ledger.suspensions(guard.name)
    return [document(s) for s in holding(rows, guard.tools.hands.clock.now())]


def _kind(arguments: Arguments) -> Suspends:
    try:
        return Suspends(str(arguments.get("kind")))
    except ValueError:
        raise UsageError(f"what to suspend must be one of {', '.join(Suspends)}") from None


def _length(arguments: Arguments) -> timedelta:
    try:
        return parse_duration(str(arguments.get("length") or ""))
    except ValueError as error:
        raise UsageError(f"how long {error}") from None


def document(suspension: Suspension) -> dict[str, Any]:
    """For `--json` and for `status`."""
    ended = suspension.ended_at
    return {
        "kind": suspension.kind.value,
        "since": suspension.since.isoformat(),
        "until": suspension.until.isoformat(),
        "ended_at": ended.isoformat() if ended else None,
        "actor": suspension.actor,
        "reason": suspension.reason,
    }


REQUESTS = {"suspend": suspend, "suspensions": suspensions}
