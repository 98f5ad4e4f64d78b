"""How long a deployment is watched, and what it must have shown by then. Defaults: the field notes'."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class DeploymentPolicy:
    """When a deployment counts as healthy, and until when a failure of it triggers a rollback.

    Attributes:
        min_healthy_time: Uninterrupted green of every required check before a release counts as healthy.
        healthy_deadline: By when a deployment must have become healthy; pulling images does not count.
        monitor: The window after a deployment in which a failure triggers a rollback.
        restart_limit: Restarts of one service within the window that make it failed.
        command_timeout: How long the command of an announced deployment may run.
    """

    min_healthy_time: timedelta = timedelta(seconds=30)
    healthy_deadline: timedelta = timedelta(minutes=5)
    monitor: timedelta = timedelta(minutes=10)
    restart_limit: int = 3
    command_timeout: timedelta = timedelta(minutes=30)
