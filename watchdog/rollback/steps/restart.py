"""Step six: images, files and database match now, so lift the fence and start, in dependency order."""

from __future__ import annotations

from typing import Any

from watchdog.errors import WatchdogError
from watchdog.rollback.run import RESTART_TIMEOUT, Run
from watchdog.rollback.steps.policies import put_policies_back
from watchdog.rollback.steps.restore import open_databases
from watchdog.rollback.steps.stop import start_all_that_ran


async def restart_services(run: Run) -> dict[str, Any]:
    """Facts: `started`. What a person had stopped before the release was captured stays stopped."""
    opened = await _opened(run)
    services = [s.service for s in run.target.services if s.running and run.in_scope(s.service)]
    if services:  # none named would mean all of them
        replicas = {
            s.service: s.replicas for s in run.target.services if s.service in services and s.replicas > 1
        }
        await run.hands.orchestrator.up(run.stack, services, RESTART_TIMEOUT, replicas)
    if not opened:
        await open_databases(run)
    await put_policies_back(run, _of_target(run))
    return {"started": services}


async def reopen_services(run: Run) -> dict[str, Any]:
    """Where the release stays: the fence is lifted, and the same containers start again. Facts: `started`."""
    await open_databases(run)
    return await start_all_that_ran(run)


async def _opened(run: Run) -> bool:
    """Lift the fence, whatever rollback left it there: an earlier one may have been held after its swap.

    False where a database that was kept cannot be asked: it may be started with the services that need it.
    """
    try:
        await open_databases(run)
    except WatchdogError:
        if run.swaps_database:
            raise
        return False
    return True


def _of_target(run: Run) -> set[str]:
    """Without those that stay stopped in the failed release's image: they must not start after a reboot."""
    images = {c["service"]: c["image_id"] for c in run.facts["preflight"]["containers"]}
    return {s.service for s in run.target.services if s.running or images.get(s.service) == s.image_id}
