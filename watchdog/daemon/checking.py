"""Keeps the state of a stack's checks: every answer counts, every change of colour is written down."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from watchdog.health.check import Check, Sample
from watchdog.health.streak import CheckState, Color, record
from watchdog.rollback.ledger import Transition

if TYPE_CHECKING:  # the guard calls it with itself
    from watchdog.daemon.guard import Guard


async def restore(guard: Guard) -> None:
    """A check that was red before a restart is red until it is answered."""
    for transition in reversed(await guard.tools.ledger.transitions(guard.name)):
        state = guard.watch.checks.get(transition.check)
        if state is not None:
            color = Color(transition.state)
            guard.watch.checks[transition.check] = replace(state, color=color, since=transition.at)


async def count(guard: Guard, sample: Sample) -> None:
    """One more answer."""
    before = guard.watch.checks.get(sample.check)
    if before is None:
        return
    after = record(before, sample)
    guard.watch.checks[sample.check] = after
    if after.color is not before.color:
        by_a_person = after.color is Color.RED and guard.watch.taken_down(before.check)
        (guard.watch.brought_down.add if by_a_person else guard.watch.brought_down.discard)(sample.check)
        await guard.tools.ledger.write(
            Transition(guard.name, sample.check, after.color.value, sample.at, sample.detail)
        )
        guard.tell("check_changed", check=sample.check, state=after.color.value, detail=sample.detail)


def carried_over(known: dict[str, CheckState], checks: tuple[Check, ...]) -> dict[str, CheckState]:
    """The states for another configuration: a check that asks the same keeps what is known of it."""
    return {c.name: _carried_over(known.get(c.name), c) for c in checks}


def unknown(known: dict[str, CheckState], checks: tuple[Check, ...]) -> frozenset[str]:
    """The checks of another configuration that ask what was not asked before."""
    return frozenset(c.name for c in checks if c.name not in known or known[c.name].check.probe != c.probe)


def _carried_over(state: CheckState | None, check: Check) -> CheckState:
    same = state is not None and state.check.probe == check.probe
    return replace(state, check=check) if state is not None and same else CheckState(check)
