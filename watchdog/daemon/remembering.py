"""What a guard takes up from the ledger at its start, and the command that outlived the last process."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from watchdog.daemon import checking
from watchdog.deploy.deployment import Phase
from watchdog.health.window import Progress

if TYPE_CHECKING:  # the guard calls it with itself
    from watchdog.daemon.guard import Guard


async def remember(guard: Guard) -> None:
    """The known parts, the last known good release, an open deployment, the colours of the checks."""
    ledger, watch = guard.tools.ledger, guard.watch
    seen = await ledger.seen(guard.name)
    watch.known = seen.services if seen else ()
    watch.good = await ledger.release(seen.good) if seen and seen.good else None
    if watch.good is not None:
        guard.adopted.set()
    newest = await ledger.deployments(guard.name, limit=1)
    if newest and (newest[0].open or newest[0].ended_at is None):
        watch.deployment = newest[0]
        watch.progress = Progress(healthy_at=newest[0].healthy_at)
    await checking.restore(guard)


async def notice_lost_command(guard: Guard) -> None:
    """A command that outlived the process before this one ends, for us, when its terminal's process does."""
    deployment = guard.watch.deployment
    if deployment is None or deployment.phase is not Phase.DEPLOYING or guard.conductor.busy:
        return
    if deployment.caller is None or not deployment.caller.lives:
        ended = guard.tools.hands.clock.now()
        lost = replace(deployment, phase=Phase.MONITORING, command_ended_at=ended)
        await guard.take_for_granted(lost)
        guard.watch.deployment = lost
