"""Gives containers the restart policies back that `stop_services` took; they are in the preflight's facts."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from watchdog.rollback.run import Run

TAKEN = "taken before"
"""Among a run's facts: container ID to the policy and its retries that an earlier, held rollback took."""


async def put_policies_back(run: Run, services: Collection[str] | None = None) -> None:
    """For the containers that still are the same; a re-created one has its policy from the files.

    `services` limits it: what only the failed release had stays stopped, after a reboot too. Only with them,
    which belong to the target, also what a held rollback had taken before.
    """
    engine = run.hands.engine
    before = run.facts.get(TAKEN, {}) if services is not None else {}
    policies = {
        c["id"]: (c["restart_policy"], c["restart_retries"])
        if c["restart_policy"] != "no"
        else before.get(c["id"], ("no", 0))
        for c in run.facts["preflight"]["containers"]
        if services is None or c["service"] in services
    }
    await asyncio.gather(
        *(
            engine.set_restart_policy(container, policy, retries)
            for container, (policy, retries) in policies.items()
            if policy != "no"
        )
    )
