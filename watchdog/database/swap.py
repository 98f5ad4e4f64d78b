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
from watchdog.database.fence import POLL, empty, unfence
from watchdog.database.names import control_database
from watchdog.database.ports import Cluster, InUse, Session
from watchdog.errors import StepFailed, Unreachable

WITHIN = timedelta(seconds=10)
"""0.2 s under a reconnect storm (measured); beyond this something holds on that we cannot end."""


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


async def swap(cluster: Cluster, pairs: Sequence[Swap], clock: Clock, within: timedelta = WITHIN) -> None:
    """Exchange every pair, or none. Afterwards both databases of each pair are fenced.

    Repeating a swap that stands does nothing. Raises `StepFailed` (or `Unreachable`) with the live databases
    open again and nothing renamed. A live database that does not exist is no obstacle: there is nothing to
    displace.
    """
    state = await _observe_all(cluster, pairs)
    if state is SwapState.SWAPPED:
        return
    if state is SwapState.PARTIAL:
        raise StepFailed(
            f"cannot swap {_shown(pairs)}: the databases' names fit neither before nor after a swap"
        )
    stands = False
    try:
        await _exchange(cluster, pairs, clock, Deadline(clock, within))
        stands = True
    except Unreachable:
        stands = await _observe_all(cluster, pairs) is SwapState.SWAPPED
        if not stands:
            raise
    finally:
        if not stands and await _observe_all(cluster, pairs) is not SwapState.SWAPPED:
            await unfence(cluster, [pair.live for pair in pairs])


async def observe(cluster: Cluster, pair: Swap) -> SwapState:
    """Whether this pair has been exchanged, from the names that exist."""
    async with cluster.connect(_control(pair)) as session:
        return _state(pair, await _existing(session, [pair]))


async def _observe_all(cluster: Cluster, pairs: Sequence[Swap]) -> SwapState:
    async with cluster.connect(_control(*pairs)) as session:
        existing = await _existing(session, pairs)
    states = {_state(pair, existing) for pair in pairs}
    return states.pop() if len(states) == 1 else SwapState.PARTIAL


async def _exchange(cluster: Cluster, pairs: Sequence[Swap], clock: Clock, deadline: Deadline) -> None:
    async with cluster.connect(_control(*pairs)) as session:
        await session.execute("SET synchronous_commit = on")
        await session.execute("SET lock_timeout = '3s'")
        existing = await _existing(session, pairs)
        if missing := [pair.side for pair in pairs if pair.side not in existing]:
            raise StepFailed(f"cannot swap: {', '.join(missing)} does not exist; restore it first")
        involved = [name for pair in pairs for name in (pair.live, pair.side) if name in existing]
        while True:
            await empty(session, involved, clock, deadline)
            try:
                await _rename(session, pairs, existing)
                return
            except InUse:
                deadline.check(f"renaming {_shown(pairs)}")
                await clock.sleep(POLL)


async def _rename(session: Session, pairs: Sequence[Swap], existing: Collection[str]) -> None:
    async with session.transaction():
        for pair in pairs:
            if pair.live in existing:
                await session.execute(sql.rename_database(pair.live, pair.displaced))
            await session.execute(sql.rename_database(pair.side, pair.live))


async def _existing(session: Session, pairs: Sequence[Swap]) -> frozenset[str]:
    names = [name for pair in pairs for name in (pair.live, pair.side, pair.displaced)]
    return frozenset(name for name, _ in await session.rows(sql.databases_named(names)))


def _state(pair: Swap, existing: Collection[str]) -> SwapState:
    live, side, displaced = (name in existing for name in (pair.live, pair.side, pair.displaced))
    if live and displaced and not side:
        return SwapState.SWAPPED
    if (live or side) and not displaced:
        return SwapState.NOT_SWAPPED
    return SwapState.PARTIAL


def _control(*pairs: Swap) -> str:
    return control_database([name for pair in pairs for name in (pair.live, pair.side, pair.displaced)])


def _shown(pairs: Sequence[Swap]) -> str:
    return ", ".join(pair.live for pair in pairs)
