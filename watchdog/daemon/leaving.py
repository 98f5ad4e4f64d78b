"""A failed deployment that is left as it is: closed, and a person is told why, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from watchdog.alert.alert import Level
from watchdog.daemon.desk import Desk
from watchdog.daemon.trusting import Trust
from watchdog.deploy.deployment import Deployment
from watchdog.rollback.ledger import Record

TITLE = "deployment failed and was not rolled back"


async def leave(
    desk: Desk,
    trust: Trust,
    deployment: Deployment,
    why: str,
    lines: Sequence[str] = (),
    records: Sequence[Record] = (),
    level: Level = Level.CRITICAL,
) -> None:
    """In the guard's own task. `lines`: what else people should know; `records` are written with it."""
    now = desk.tools.hands.clock.now()
    ended = replace(deployment, ended_at=now)
    text = "\n".join([*deployment.reasons, f"Not rolled back: {why}", *lines])
    noted = desk.noted("refusal", f"not rolled back: {why}", deployment.id)
    failed = trust.failed(deployment, now)
    await desk.alert(level, TITLE, text, ended, *failed, noted, *records)
    desk.watch.deployment = desk.watch.proposal = None
    desk.tell("not_rolled_back", deployment=deployment.id, reason=why, lines=list(lines))
    desk.settle(deployment.id, "failed")
