"""Step two: stop the services, dependents first; and its undo, which starts what was stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from watchdog.rollback.run import Run
from watchdog.rollback.steps.policies import put_policies_back
from watchdog.stack.container import stop_order

STATES_OF_RUNNING = frozenset({"running", "restarting"})
"""The engine's words for a container that it keeps running."""
RAN = "ran before"
"""Among a run's facts: the containers, by ID, that ran before an earlier, held rollback stopped them."""


async def stop_services(run: Run) -> dict[str, Any]:
    """Set the restart policies to `no` first: Docker starts `always` containers after a reboot otherwise."""
    containers = await run.containers()
    engine = run.hands.engine
    keen = [c for c in containers if c.restarts_itself]
    await asyncio.gather(*(engine.set_restart_policy(c.id, "no") for c in keen))
    for level in stop_order(containers):
        await engine.stop(level)
    return {"stopped": sorted({c.service for c in containers if not c.ended})}


async def start_again(run: Run) -> dict[str, Any]:
    """Nothing was replaced: give the policies back, start what ran before."""
    await put_policies_back(run)
    return await _start(run, {c["id"] for c in _stopped(run) if c["state"] in STATES_OF_RUNNING})


async def start_all_that_ran(run: Run) -> dict[str, Any]:
    """As `start_again`, and with what an earlier rollback to the same release was held with, stopped."""
    await put_policies_back(run, {c["service"] for c in _stopped(run)})
    ran = {c["id"] for c in _stopped(run) if c["state"] in STATES_OF_RUNNING}
    return await _start(run, {*ran, *run.facts.get(RAN, {})})


def _stopped(run: Run) -> list[dict[str, Any]]:
    return list(run.facts["preflight"]["containers"])


async def _start(run: Run, containers: Collection[str]) -> dict[str, Any]:
    """Those of the containers that are still there, in dependency order. Facts: `started`."""
    levels = stop_order(c for c in await run.containers() if c.id in containers)
    for level in reversed(levels):
        await run.hands.engine.start(level)
    return {"started": sorted({c.service for level in levels for c in level})}
