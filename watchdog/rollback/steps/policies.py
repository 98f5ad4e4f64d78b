"""Gives containers the restart policies back that `stop_services` took; they are in the preflight's facts."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from watchdog.rollback.run import Run


async def put_policies_back(run: Run, services: Collection[str] | None = None) -> None:
    """For the containers that still are the same; a re-created one has its policy from the files.

    `services` limits it: what only the failed release had stays stopped, after a reboot too.
    """
    engine = run.hands.engine
    await asyncio.gather(
        *(
            engine.set_restart_policy(c["id"], c["restart_policy"], c["restart_retries"])
            for c in run.facts["preflight"]["containers"]
            if c["restart_policy"] != "no" and (services is None or c["service"] in services)
        )
    )
