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

Span = tuple[datetime, datetime]
Run = tuple[str, datetime | None]
"""A container's ID and when it was started: once started anew it is another run."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Defaults of the field notes: long enough for slow starts, short enough to lose little."""

    min_healthy_time: timedelta = timedelta(seconds=30)
    healthy_deadline: timedelta = timedelta(minutes=5)
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
        baseline_unproven: Required checks that were neither red nor green then: not answered yet, or on their
            way to red. They say nothing until they have been green in this window.
        baseline_unhealthy: Services that were unhealthy or crash-looping before, likewise.
        baseline_restarting: Those of them that crashed: one that was merely unhealthy has to stay up.
        expected: Services that must run (or, for a migration, have completed) afterwards: those that ran
            before. A service that a person had stopped, or that had ended by itself, is not among them.
        migrations: Services whose exit code decides.
    """

    opened_at: datetime
    command_ended_at: datetime | None
    command_exit_code: int | None = None
    baseline: Mapping[str, int] = field(default_factory=dict)
    baseline_red: frozenset[str] = frozenset()
    baseline_unproven: frozenset[str] = frozenset()
    baseline_unhealthy: frozenset[str] = frozenset()
    baseline_restarting: frozenset[str] = frozenset()
    expected: frozenset[str] = frozenset()
    migrations: frozenset[str] = frozenset()
    limits: Limits = Limits()

    def is_new(self, container: Container) -> bool:
        """Made by this deployment."""
        return container.id not in self.baseline


@dataclass(frozen=True, slots=True)
class View:
    """The world at one moment. `killed`: IDs of containers that somebody stopped (a `kill` before the end).

    `reachable` False: the engine did not answer, and `containers` say nothing. What earlier looks found is
    added by the verdict: `unseen`, `heard_since` and `paused_at` as in `Progress`; `removed`: services whose
    containers somebody removed.
    """

    containers: tuple[Container, ...]
    checks: tuple[CheckState, ...] = ()
    killed: frozenset[str] = frozenset()
    reachable: bool = True
    unseen: tuple[Span, ...] = ()
    heard_since: datetime | None = None
    paused_at: datetime | None = None
    removed: frozenset[str] = frozenset()

    def of(self, service: str) -> list[Container]:
        """The service's containers, without those made by `run`."""
        return [c for c in self.containers if c.service == service and not c.one_off]


@dataclass(frozen=True, slots=True)
class Progress:
    """What earlier verdicts of the same window found; passed to the next one.

    Those that a restart of ours must not forget are rows (`daemon.judging`); without the others a verdict
    is more careful.

    Attributes:
        green_since: From when on everything has been good without a break.
        healthy_at: When the outcome was healthy for the first time.
        seen: Fatal signals so far: a container that failed may be replaced before the next look.
        looked_at: When the last verdict fell; None before the first one of this process.
        ended_at: The end of the command from which the following are counted: another end, another count.
        clock_set: How far the wall clock was set since then. Forward too where nobody looked meanwhile (the
            host slept): neither is time in which the release was watched.
        waited: How much of `healthy_deadline` was used up.
        present: Services that had a container after the command: what vanishes then was removed by somebody.
        stopped: Containers that somebody stopped, and that have not been started since.
        complete_at: When everything that is expected had been started for the first time: a migration may
            have come before.
        recovered: Services that were bad before and that this deployment's containers made healthy.
        paused_at: When a container was last found paused: answers from before then say nothing.
        unseen_from, unseen: When the engine did not answer: who ended a container then cannot be told.
        heard_since: From when on events were heard, where this process began within the window.
    """

    green_since: datetime | None = None
    healthy_at: datetime | None = None
    seen: tuple[Signal, ...] = ()
    looked_at: datetime | None = None
    ended_at: datetime | None = None
    clock_set: timedelta = timedelta(0)
    waited: timedelta = timedelta(0)
    present: frozenset[str] = frozenset()
    stopped: frozenset[Run] = frozenset()
    complete_at: datetime | None = None
    recovered: frozenset[str] = frozenset()
    paused_at: datetime | None = None
    unseen_from: datetime | None = None
    unseen: tuple[Span, ...] = ()
    heard_since: datetime | None = None
