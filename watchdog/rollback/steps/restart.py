"""Step six: images, files and database match now, so lift the fence and start, in dependency order."""

from __future__ import annotations

from typing import Any

from watchdog.database.fence import unfence
from watchdog.rollback.run import RESTART_TIMEOUT, Run
from watchdog.rollback.steps.policies import put_policies_back


async def restart_services(run: Run) -> dict[str, Any]:
    """Facts: `started`. What a person had stopped before the release was captured stays stopped."""
    if run.restores_database:
        for database in run.stack.databases:
            await unfence(await run.hands.clusters.of(database, run.operation.id), [database.name])
    services = [s.service for s in run.target.services if s.running and run.in_scope(s.service)]
    await run.hands.orchestrator.up(run.stack, services, RESTART_TIMEOUT)
    await put_policies_back(run, _of_target(run))
    return {"started": services}


def _of_target(run: Run) -> set[str]:
    """Without those that stay stopped in the failed release's image: they must not start after a reboot."""
    images = {c["service"]: c["image_id"] for c in run.facts["preflight"]["containers"]}
    return {s.service for s in run.target.services if s.running or images.get(s.service) == s.image_id}
