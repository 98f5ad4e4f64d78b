"""Whether a rollback is held: what stopped for a person stays so until something is seen to have resolved it.

One predicate for the alarm that reminds, for `armed` and for `status`. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from watchdog.deploy.deployment import Deployment, Phase
from watchdog.rollback.operation import Operation, Outcome

WITHOUT_EFFECT = frozenset({Outcome.REFUSED, Outcome.ABORTED})
"""Such an end leaves everything as the rollback before it left it."""


def held(operations: Sequence[Operation], deployments: Sequence[Deployment]) -> Operation | None:
    """The rollback that is held; both newest first.

    Resolved by a later rollback or undo that succeeded, by a later deployment that was healthy through its
    window, or by a person's word (`ops-watchdog abort`). A later one that is held as well takes its place,
    and while one runs it is being dealt with.
    """
    newest = next((o for o in operations if o.outcome not in WITHOUT_EFFECT), None)
    if newest is None or newest.outcome is not Outcome.HELD or newest.resolved_at is not None:
        return None
    later = (d for d in deployments if d.started_at > newest.started_at)
    return None if any(d.phase is Phase.GOOD for d in later) else newest
