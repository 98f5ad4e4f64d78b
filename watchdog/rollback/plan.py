"""The plan reads like the sentence: a tuple of steps; a variant is another tuple of the same steps."""

from __future__ import annotations

from datetime import timedelta

from watchdog.rollback.operation import Outcome
from watchdog.rollback.run import Step
from watchdog.rollback.steps.images import pull_images
from watchdog.rollback.steps.preflight import preflight
from watchdog.rollback.steps.restart import reopen_services, restart_services
from watchdog.rollback.steps.restore import lift_fence, require_not_swapped, restore_database
from watchdog.rollback.steps.returning import return_database, set_aside_again
from watchdog.rollback.steps.revert import revert_compose
from watchdog.rollback.steps.stop import start_again, stop_services
from watchdog.rollback.steps.verify import verify_health

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


PLANS: dict[str, Plan] = {
    "full": FULL,
    "keep database": KEEP_DATABASE,
    "database only": DATABASE_ONLY,
    "undo": undone(FULL),
    "undo database only": undone(DATABASE_ONLY),
}
"""Plans by the name under which an operation remembers its own."""

FAILS_AS: dict[Step, Outcome] = {
    preflight: Outcome.REFUSED,
    stop_services: Outcome.ABORTED,
    restore_database: Outcome.ABORTED,
    return_database: Outcome.ABORTED,
}
"""How an operation ends when this step fails. Later than these something was replaced: held, for a person."""

ABORT: dict[Step, Plan] = {
    stop_services: (start_again,),
    restore_database: (require_not_swapped, start_again, lift_fence),
    return_database: (require_not_swapped, start_again, lift_fence, set_aside_again),
}
"""What runs where an operation is aborted at this step: what ran before runs again. One that fails: held."""

ORDINARY_PATIENCE = timedelta(minutes=3)
"""How long a step is repeated while something does not answer: dockerd or PostgreSQL restart within it."""

PATIENCE: dict[Step, timedelta] = {preflight: timedelta(0)}
"""Another patience than the ordinary one. Everything still runs during preflight: it refuses at once."""
