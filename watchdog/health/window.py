"""The monitor window: what is known about a deployment, and how long it is watched.

Frozen and small, so that the guard can keep it as a row and a restarted daemon goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watchdog.health.signal import Signal
from watchdog.health.streak import CheckState
from watchdog.stack import Container


@dataclass(frozen=True, slots=True)
class Limits:
    """Defaults of the field notes: long enough for slow starts, short enough to lose little."""

    min_healthy_time: timedelta = timedelta(seconds=30)
    healthy_deadline: timedelta = timedelta(minutes=5)
    monitor: timedelta = timedelta(minutes=10)
    restart_limit: int = 3


@dataclass(frozen=True, slots=True)
class Window:
    """One deployment under observation.

    Attributes:
        opened_at: When an announced command was about to run, or a change was first observed.
        command_ended_at: None while an announced command runs; equals `opened_at` for an observed one.
        command_exit_code: Of an announced command that has ended.
        baseline: Containers before the deployment: ID to restart count.
        baseline_red: Required checks that failed before the deployment already: they say nothing.
        baseline_unhealthy: Services that were unhealthy or crash-looping before, likewise.
        expected: Services that must run (or, for a migration, have completed) afterwards: those that ran
            before. A service that a person had stopped, or that had ended by itself, is not among them.
        migrations: Services whose exit code decides.
    """

    opened_at: datetime
    command_ended_at: datetime | None
    command_exit_code: int | None = None
    baseline: Mapping[str, int] = field(default_factory=dict)
    baseline_red: frozenset[str] = frozenset()
    baseline_unhealthy: frozenset[str] = frozenset()
    expected: frozenset[str] = frozenset()
    migrations: frozenset[str] = frozenset()
    limits: Limits = Limits()

    @property
    def ends_at(self) -> datetime | None:
        """None while the command runs: neither it nor its pulls use up the window."""
        return None if self.command_ended_at is None else self.command_ended_at + self.limits.monitor

    def over(self, now: datetime) -> bool:
        return self.ends_at is not None and now >= self.ends_at

    def is_new(self, container: Container) -> bool:
        """Made by this deployment."""
        return container.id not in self.baseline


@dataclass(frozen=True, slots=True)
class View:
    """The world at one moment. `killed`: IDs of containers that somebody stopped (a `kill` before the end).

    `reachable` False: the engine did not answer, and `containers` say nothing.
    """

    containers: tuple[Container, ...]
    checks: tuple[CheckState, ...] = ()
    killed: frozenset[str] = frozenset()
    reachable: bool = True


@dataclass(frozen=True, slots=True)
class Progress:
    """What earlier verdicts of the same window found; persisted, and passed to the next one.

    Attributes:
        green_since: From when on everything has been good without a break.
        healthy_at: When the outcome was healthy for the first time.
        seen: Fatal signals so far: a container that failed may be replaced before the next look.
    """

    green_since: datetime | None = None
    healthy_at: datetime | None = None
    seen: tuple[Signal, ...] = ()
