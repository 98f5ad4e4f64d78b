"""The plan reads like the sentence: a tuple of steps; a variant is another tuple of the same steps."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from watchdog.rollback.operation import Outcome
from watchdog.rollback.run import Step
from watchdog.rollback.steps.images import pull_images
from watchdog.rollback.steps.preflight import preflight
from watchdog.rollback.steps.recover import needs_recovery, recover_database_service
from watchdog.rollback.steps.restart import reopen_services, restart_services
from watchdog.rollback.steps.restore import lift_fence, require_not_swapped, restore_database
from watchdog.rollback.steps.returning import return_database, set_aside_again
from watchdog.rollback.steps.revert import revert_compose
from watchdog.rollback.steps.stop import start_again, stop_services
from watchdog.rollback.steps.verify import verify_health
from watchdog.stack import Container, Release, Stack

Plan = tuple[Step, ...]

FULL: Plan = (
    preflight,
    stop_services,
    restore_database,
    revert_compose,
    pull_images,
    restart_services,
    verify_health,
)
KEEP_DATABASE: Plan = tuple(step for step in FULL if step is not restore_database)
DATABASE_ONLY: Plan = (preflight, stop_services, restore_database, reopen_services, verify_health)


def undone(plan: Plan) -> Plan:
    """The way back: the displaced databases return instead of a backup."""
    return tuple(return_database if step is restore_database else step for step in plan)


def after_recovery(plan: Plan) -> Plan:
    """Where the target's own database service has to be brought up before it can be asked for anything."""
    first = (preflight, stop_services, revert_compose, pull_images, recover_database_service)
    return (*first, *(step for step in plan if step not in first))


PLANS: dict[str, Plan] = {
    "full": FULL,
    "keep database": KEEP_DATABASE,
    "database only": DATABASE_ONLY,
    "undo": undone(FULL),
    "undo database only": undone(DATABASE_ONLY),
    "full after recovery": after_recovery(FULL),
    "keep database after recovery": after_recovery(KEEP_DATABASE),
    "undo after recovery": after_recovery(undone(FULL)),
}
"""Plans by the name under which an operation remembers its own."""


def fitting(name: str, stack: Stack, containers: Iterable[Container], target: Release) -> str:
    """The plan of this name, or its variant where the database's own service has to come up first."""
    variant = f"{name} after recovery"
    return variant if variant in PLANS and needs_recovery(stack, containers, target) else name


FAILS_AS: dict[Step, Outcome] = {
    preflight: Outcome.REFUSED,
    stop_services: Outcome.ABORTED,
    restore_database: Outcome.ABORTED,
    return_database: Outcome.ABORTED,
}
"""How an operation ends when this step fails; after any other step something was replaced: held."""


def outcome_of_failure(plan: Plan, step: Step) -> Outcome:
    """Whatever the plan's order: where an earlier step may have replaced something, a person decides."""
    before = plan[: plan.index(step)]
    if any(FAILS_AS.get(earlier, Outcome.HELD) is Outcome.HELD for earlier in before):
        return Outcome.HELD
    return FAILS_AS.get(step, Outcome.HELD)


ABORT: dict[Step, Plan] = {
    stop_services: (start_again,),
    restore_database: (require_not_swapped, start_again, lift_fence),
    return_database: (require_not_swapped, start_again, lift_fence, set_aside_again),
}
"""What runs where an operation is aborted at this step: what ran before runs again. One that fails: held."""

ORDINARY_PATIENCE = timedelta(minutes=3)
"""How long a step is repeated while something does not answer: dockerd or PostgreSQL restart within it."""

PATIENCE: dict[Step, timedelta] = {
    preflight: timedelta(0),
    recover_database_service: timedelta(minutes=10),
}
"""Another patience than the ordinary one. Everything still runs during preflight: it refuses at once.

A server that starts reads its log since the last checkpoint first.
"""
