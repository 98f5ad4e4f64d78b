"""Exchanges the live database for a restored one by renaming, all databases of a cluster in one transaction.

Nothing is overwritten: the live database stays, fenced, under its displaced name. The step `restore_database`
calls `swap`; recovery looks with `observe` first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from watchdog.clock import Clock, Deadline
from watchdog.database import sql
from watchdog.database.fence import empty, unfence
from watchdog.database.names import control_database
from watchdog.database.ports import Cluster, InUse, Session
from watchdog.errors import StepFailed, Unreachable

WITHIN = timedelta(seconds=10)
"""Far beyond what a reconnect storm takes (`make bench-database`): something holds on that we cannot end."""
SETTINGS = {
    "lock_timeout": "3s",
    "synchronous_commit": "off",
    "client_connection_check_interval": "2ms",
}
"""The fence needs no disk: the renames that follow it are durable, and so is all that was written before.

A rename that meets a client just being refused naps 100 ms in the server. The connection check, which
PostgreSQL has from 14 on, is a timer that ends the nap early, and the lock that keeps clients out stays held.
"""


@dataclass(frozen=True, slots=True)
class Swap:
    """`live` becomes `displaced`, `side` becomes `live`."""

    live: str
    side: str
    displaced: str


class SwapState(StrEnum):
    """What the names say. PARTIAL: neither before nor after a swap of ours; a person must look."""

    NOT_SWAPPED = "not swapped"
    SWAPPED = "swapped"
    PARTIAL = "partial"


async def swap(
    cluster: Cluster,
    pairs: Sequence[Swap],
    clock: Clock,
    within: timedelta = WITHIN,
    fenced: Collection[str] = (),
) -> None:
    """Exchange every pair, or none. Afterwards both databases of each pair are fenced.

    `fenced`: live databases that were so before, and stay so where the swap fails.

    Repeating a swap that stands does nothing. Raises `StepFailed` (or `Unreachable`) with the live databases
    open again and nothing renamed; where the server stays away, `Unreachable` leaves open whether the swap
    stands: repeating or `observe` tells. A live database must exist, if only as an empty placeholder: what
    was displaced is how `observe` knows.
    """
    stands = False
    try:
        async with cluster.connect(_control(*pairs)) as session:
            await _exchange(session, pairs, clock, Deadline(clock, within))
        stands = True
    except Unreachable:
        stands = await _observe_all(cluster, pairs) is SwapState.SWAPPED
        if not stands:
            raise
    finally:
        if not stands and await _observe_all(cluster, pairs) is SwapState.NOT_SWAPPED:
            await unfence(cluster, [pair.live for pair in pairs if pair.live not in fenced])


async def observe(cluster: Cluster, pair: Swap) -> SwapState:
    """Whether this pair has been exchanged, from the names that exist."""
    return await _observe_all(cluster, [pair])


async def _observe_all(cluster: Cluster, pairs: Sequence[Swap]) -> SwapState:
    async with cluster.connect(_control(*pairs)) as session:
        return _state_of_all(pairs, await _existing(session, pairs))


async def _exchange(session: Session, pairs: Sequence[Swap], clock: Clock, deadline: Deadline) -> None:
    existing = await _existing(session, pairs)
    state = _state_of_all(pairs, existing)
    if state is SwapState.SWAPPED:
        return
    if state is SwapState.PARTIAL:
        raise StepFailed(
            f"cannot swap {_shown(pairs)}: the databases' names fit neither before nor after a swap"
        )
    involved = [name for pair in pairs for name in (pair.live, pair.side)]
    if missing := [name for name in involved if name not in existing]:
        raise StepFailed(f"cannot swap: {', '.join(missing)} does not exist; restore it first")
    await session.rows(sql.set_where_known(SETTINGS))
    while True:
        await empty(session, involved, clock, deadline)
        try:
            await session.execute(_renames(pairs))
            return
        except InUse:
            await _require_none_prepared(session, pairs)
            deadline.check(f"renaming {_shown(pairs)}")


async def _require_none_prepared(session: Session, pairs: Sequence[Swap]) -> None:
    """The preflight refuses them, but one may come between; it has no session that could be ended."""
    found = await session.rows(sql.prepared_in([pair.live for pair in pairs]))
    if found:
        listed = ", ".join(f"{transaction!r} in {database}" for database, transaction in found)
        raise StepFailed(
            f"cannot swap {_shown(pairs)}: prepared transactions block the rename ({listed}); connected to "
            "its database, run COMMIT PREPARED or ROLLBACK PREPARED for each"
        )


def _renames(pairs: Sequence[Swap]) -> str:
    """Durable, together with the fence before it."""
    renames = [
        rename
        for pair in pairs
        for rename in (
            sql.rename_database(pair.live, pair.displaced),
            sql.rename_database(pair.side, pair.live),
        )
    ]
    return sql.together(["SET LOCAL synchronous_commit = on", *renames])


async def _existing(session: Session, pairs: Sequence[Swap]) -> frozenset[str]:
    names = [name for pair in pairs for name in (pair.live, pair.side, pair.displaced)]
    return frozenset(name for name, _ in await session.rows(sql.databases_named(names)))


def _state_of_all(pairs: Sequence[Swap], existing: Collection[str]) -> SwapState:
    states = {_state(pair, existing) for pair in pairs}
    return states.pop() if len(states) == 1 else SwapState.PARTIAL


def _state(pair: Swap, existing: Collection[str]) -> SwapState:
    live, side, displaced = (name in existing for name in (pair.live, pair.side, pair.displaced))
    if not displaced:
        return SwapState.NOT_SWAPPED
    return SwapState.SWAPPED if live and not side else SwapState.PARTIAL


def _control(*pairs: Swap) -> str:
    return control_database([name for pair in pairs for name in (pair.live, pair.side, pair.displaced)])


def _shown(pairs: Sequence[Swap]) -> str:
    return ", ".join(pair.live for pair in pairs)
