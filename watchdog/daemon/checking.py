"""Keeps the state of a stack's checks: every answer counts, every change of colour is written down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from watchdog.daemon.desk import Desk
from watchdog.health.check import Sample
from watchdog.health.streak import Color, record
from watchdog.rollback.ledger import Transition


async def restore(desk: Desk) -> None:
    """A check that was red before a restart is red until it is answered."""
    for transition in await desk.tools.ledger.colours(desk.name):
        state = desk.watch.checks.get(transition.check)
        if state is not None:
            color = Color(transition.state)
            complaint = transition.detail if color is Color.RED else ""
            desk.watch.checks[transition.check] = replace(
                state, color=color, since=transition.at, complaint=complaint
            )


async def count(desk: Desk, samples: Iterable[Sample]) -> bool:
    """Further answers; whether one of them changed a check's colour. What changed is written in one go."""
    turned = [transition for sample in samples if (transition := _count(desk, sample)) is not None]
    if turned:
        await desk.tools.ledger.write(*turned)
    for each in turned:
        desk.tell("check_changed", check=each.check, state=each.state, detail=each.detail)
    return bool(turned)


def _count(desk: Desk, sample: Sample) -> Transition | None:
    watch = desk.watch
    before = watch.checks.get(sample.check)
    if before is None:
        return None
    after = watch.checks[sample.check] = record(before, sample)
    if after.color is before.color:
        return None
    by_a_person = after.color is Color.RED and watch.taken_down(before.check)
    (watch.brought_down.add if by_a_person else watch.brought_down.discard)(sample.check)
    return Transition(desk.name, sample.check, after.color.value, sample.at, sample.detail)
