"""The plan reads like the sentence: a tuple of steps; a variant is another tuple of the same steps."""

from __future__ import annotations

from watchdog.rollback.operation import Outcome
from watchdog.rollback.run import Step
from watchdog.rollback.steps.images import pull_images
from watchdog.rollback.steps.preflight import preflight
from watchdog.rollback.steps.restart import restart_services
from watchdog.rollback.steps.restore import restore_database
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
ABORT: Plan = (start_again,)
"""Runs when a step fails before anything was replaced: what ran before runs again."""

PLANS: dict[str, Plan] = {"full": FULL, "keep database": KEEP_DATABASE}
"""Plans by the name under which an operation remembers its own."""

FAILS_AS: dict[Step, Outcome] = {
    preflight: Outcome.REFUSED,
    stop_services: Outcome.ABORTED,
    restore_database: Outcome.ABORTED,
}
"""How an operation ends when this step fails. Later than these something was replaced: held, for a person."""
