"""A container as inspection shows it. Frozen: the next look makes a new one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

COMPLETED = "service_completed_successfully"
"""The dependency condition that makes a service a migration: others wait for its exit code 0."""


class Health(StrEnum):
    """The engine's own HEALTHCHECK; NONE where the image has none."""

    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """The rhythm of a container's own HEALTHCHECK: `retries` failures in a row make it unhealthy.

    Failures do not count for `start_period` after a start.
    """

    interval: timedelta
    start_period: timedelta
    retries: int

    @property
    def time_to_fail(self) -> timedelta:
        """How long after a start the engine needs to call it unhealthy."""
        return self.start_period + self.interval * self.retries


@dataclass(frozen=True, slots=True)
class Dependency:
    """One service waits for another, under a condition (`service_started|service_healthy|…`)."""

    service: str
    condition: str


@dataclass(frozen=True, slots=True)
class Container:
    """One container of the project.

    Attributes:
        image: The reference it was created from (`shop/backend:1.0`), which may mean another ID by now.
        image_id: What it really runs (`sha256:…`).
        config_hash: The orchestrator's hash of the service's definition.
        state: The engine's word: created, running, paused, restarting, removing, exited, dead.
        restart_count: How often the engine itself restarted it.
        restart_policy: no, always, unless-stopped, on-failure; `restart_retries` for on-failure only.
        healthcheck: How often the engine runs its HEALTHCHECK; None where it has none.
        one_off: Made by `run`, not part of the service.
        mounted_files: Host paths of single files mounted into it.
        addresses: Its address in each of its networks.
        host_network: It has no network of its own: what it listens on is the host's.
        environment: As (name, value); holds secrets: never log or print it.
    """

    id: str
    name: str
    service: str
    image: str
    image_id: str
    config_hash: str
    state: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int = 0
    out_of_memory: bool = False
    health: Health = Health.NONE
    restart_count: int = 0
    restart_policy: str = "no"
    restart_retries: int = 0
    healthcheck: Healthcheck | None = None
    one_off: bool = False
    depends_on: tuple[Dependency, ...] = ()
    mounted_files: tuple[Path, ...] = ()
    addresses: tuple[str, ...] = ()
    host_network: bool = False
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def ended(self) -> bool:
        """It ran and stopped, and the engine is not about to restart it."""
        return self.state in {"exited", "dead"}

    @property
    def restarts_itself(self) -> bool:
        return self.restart_policy != "no"


def migrations(containers: Iterable[Container]) -> frozenset[str]:
    """The services that others wait for to complete successfully."""
    return frozenset(
        dependency.service
        for container in containers
        for dependency in container.depends_on
        if dependency.condition == COMPLETED
    )


def stop_order(containers: Iterable[Container]) -> list[list[Container]]:
    """Containers in levels, dependents first; a level may be stopped at once.

    A dependency cycle cannot come from a valid project; should one appear, its members share the last level.
    """
    left = list(containers)
    levels: list[list[Container]] = []
    while left:
        needed = {d.service for c in left for d in c.depends_on if d.service != c.service}
        level = [c for c in left if c.service not in needed] or left
        levels.append(level)
        left = [c for c in left if c not in level]
    return levels
