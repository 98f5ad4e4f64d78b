"""Reads the meters: gathers what metrics show of every stack, at the moment they are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from watchdog.backup.catalogue import catalogue
from watchdog.daemon.guard import Guard
from watchdog.deploy.deployment import Deployment
from watchdog.health.streak import Color
from watchdog.rollback.operation import Operation
from watchdog.rollback.readings import Reading, Seen, of_stack


async def read(guards: Iterable[Guard]) -> tuple[Reading, ...]:
    """Nothing is asked of Docker or a database. Raises `WatchdogError` where the state is unusable."""
    found: list[Reading] = []
    pending = None
    for guard in list(guards):
        found += of_stack(await _seen(guard), guard.tools.hands.clock.now())
        pending = await guard.tools.ledger.pending_alerts()
    return (*found, *([] if pending is None else [Reading("alerts_pending", len(pending))]))


async def _seen(guard: Guard) -> Seen:
    watch, tools = guard.watch, guard.tools
    reasons, looked = guard.readiness.reasons, watch.looked_at
    directory = tools.settings.backup.directory
    known = {name: state.color for name, state in watch.checks.items() if state.color is not Color.UNKNOWN}
    return Seen(
        stack=guard.name,
        armed=None if reasons is None else not reasons,
        reachable=watch.reachable,
        since_look=None if looked is None else timedelta(seconds=tools.hands.clock.monotonic() - looked),
        checks={name: color is Color.GREEN for name, color in known.items()},
        backups=await asyncio.to_thread(catalogue, directory, guard.name),
        phases=await tools.ledger.tally(Deployment, guard.name),
        outcomes=await tools.ledger.tally(Operation, guard.name),
    )
