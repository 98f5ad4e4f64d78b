"""What a guard takes up from the ledger at its start, and the command that outlived the last process."""

from __future__ import annotations

from dataclasses import replace

from watchdog.daemon import checking
from watchdog.daemon.announcing import NOTHING_CHANGED
from watchdog.daemon.desk import Desk
from watchdog.daemon.ending import end_rest
from watchdog.daemon.judging import taken_up
from watchdog.deploy.deployment import Deployment, Phase
from watchdog.rollback.proposal import Decision


async def remember(desk: Desk) -> None:
    """The known parts, the last known good release, what is open or suspended, the colours of the checks."""
    ledger, watch = desk.tools.ledger, desk.watch
    seen = await ledger.seen(desk.name)
    watch.known, watch.granted_at = (seen.services, seen.at) if seen else ((), None)
    watch.good = await ledger.release(seen.good) if seen and seen.good else None
    if watch.good is not None:
        desk.adopted.set()
    newest = await _newest(desk)
    if newest is not None and (newest.open or newest.ended_at is None):
        watch.deployment = newest
        watch.progress = taken_up(newest)
        proposal = await ledger.proposal(newest.id)
        watch.proposal = proposal if proposal and proposal.decision is Decision.OPEN else None
    watch.suspensions = await ledger.suspensions(desk.name)
    await checking.restore(desk)


async def _newest(desk: Desk) -> Deployment | None:
    """The newest deployment that changed something: behind one that did not, what was judged is judged on."""
    deployments = await desk.tools.ledger.deployments(desk.name)
    return next((d for d in deployments if NOTHING_CHANGED not in d.reasons), None)


async def notice_lost_command(desk: Desk) -> None:
    """A command that outlived the process before this one ends when its terminal's process does."""
    deployment = desk.watch.deployment
    if deployment is None or deployment.phase is not Phase.DEPLOYING or desk.work.busy:
        return
    if deployment.caller is None or not deployment.caller.lives:
        await end_rest(desk, deployment)
        ended = desk.tools.hands.clock.now()
        lost = replace(deployment, phase=Phase.MONITORING, command_ended_at=ended)
        await desk.take_for_granted(lost)
        desk.watch.deployment = lost
