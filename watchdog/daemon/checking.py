"""Keeps the state of a stack's checks: every answer counts, every change of colour is written down."""

from __future__ import annotations

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


async def count(desk: Desk, sample: Sample) -> bool:
    """One more answer; whether it changed the check's colour."""
    before = desk.watch.checks.get(sample.check)
    if before is None:
        return False
    after = record(before, sample)
    desk.watch.checks[sample.check] = after
    if after.color is not before.color:
        by_a_person = after.color is Color.RED and desk.watch.taken_down(before.check)
        (desk.watch.brought_down.add if by_a_person else desk.watch.brought_down.discard)(sample.check)
        await desk.tools.ledger.write(
            Transition(desk.name, sample.check, after.color.value, sample.at, sample.detail)
        )
        desk.tell("check_changed", check=sample.check, state=after.color.value, detail=sample.detail)
    return after.color is not before.color
