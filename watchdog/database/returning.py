"""Makes a displaced database fit to be the live one again: the undo swaps it back afterwards.

It was opened for reading only, and only for us; under the live name it has to serve everybody as before.
"""

from __future__ import annotations

from datetime import timedelta

from watchdog.clock import Clock, Deadline
from watchdog.database.fence import empty
from watchdog.database.names import control_database
from watchdog.database.ports import Cluster
from watchdog.database.properties import apply_properties, read_properties
from watchdog.errors import StepFailed

EMPTY_WITHIN = timedelta(seconds=10)


async def make_fit(cluster: Cluster, live: str, displaced: str, clock: Clock) -> None:
    """Fence the displaced database and give it owner, rights and settings of the live one.

    Repeating is harmless. Raises `StepFailed` where either does not exist.
    """
    async with cluster.connect(control_database([live, displaced])) as session:
        properties = await read_properties(session, live)
        if properties is None or await read_properties(session, displaced) is None:
            missing = live if properties is None else displaced
            raise StepFailed(f"database {missing} does not exist, so nothing can be exchanged for it")
        await empty(session, [displaced], clock, Deadline(clock, EMPTY_WITHIN))
        await apply_properties(session, displaced, properties)
