"""What is missing for healthy, and whether it speaks against the release or merely of ignorance.

Asked by `verdict` where nothing is fatal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from watchdog.health.check import Answer
from watchdog.health.judged import decides, judged_from
from watchdog.health.outside import at_rest, outlived, unheard
from watchdog.health.streak import CheckState
from watchdog.health.window import Progress, View, Window
from watchdog.stack import Container, Health


class Why(Enum):
    """TELLING: it speaks against the release, which fails by it when the deadline is over. OPEN: it may still
    come. UNKNOWN: it cannot be found out. HINDERED: somebody or something else has to move first.
    """

    TELLING = 1
    OPEN = 2
    UNKNOWN = 3
    HINDERED = 4


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that is missing, as a sentence, and what follows from it."""

    reason: str
    why: Why

    @property
    def telling(self) -> bool:
        return self.why is Why.TELLING


def its_time_runs(lacking: Sequence[Lack]) -> bool:
    """Whether this moment uses up the release's deadline: not while it is hindered, or nobody can tell."""
    if any(lack.why is Why.HINDERED for lack in lacking):
        return False
    return not lacking or any(lack.why is not Why.UNKNOWN for lack in lacking)


def lacks(window: Window, view: View, progress: Progress) -> Iterator[Lack]:
    """Everything that is missing. While others wait for a migration, however long, no lack is telling."""
    migrating = any(c.running and c.service in window.migrations for c in view.containers)
    for lack in _lacks(window, view, progress):
        yield replace(lack, why=Why.HINDERED) if migrating else lack


def _lacks(window: Window, view: View, progress: Progress) -> Iterator[Lack]:
    if window.command_ended_at is None:
        yield Lack("the deployment command is still running", Why.HINDERED)
    for service in sorted(window.expected):
        yield from _service_lacks(window, view, progress, service)
    for state in view.checks:
        if decides(window, state):
            yield from _check_lacks(window, view, state)


def _service_lacks(window: Window, view: View, progress: Progress, service: str) -> Iterator[Lack]:
    """Containers do not vanish: what was there after the command, or was taken away whole, somebody removed.

    One that the command did not bring back is missing.
    """
    containers = view.of(service)
    if not containers and service in progress.present:
        yield Lack(f"{service} was removed by somebody", Why.HINDERED)
    elif not containers:
        yield Lack(f"{service} has no container", Why.TELLING if view.containers else Why.HINDERED)
    for container in containers:
        before = window.baseline_unhealthy if container.running else window.baseline_restarting
        excused = service in before or outlived(window, view, container)
        for lack in _container_lacks(window, view, container):
            yield replace(lack, why=Why.OPEN) if lack.telling and excused else lack


def _container_lacks(window: Window, view: View, container: Container) -> Iterator[Lack]:
    service = container.service
    if service in window.migrations and container.ended and container.exit_code == 0:
        return
    if service in window.migrations and container.running:
        yield Lack(f"migration {service} is still running", Why.HINDERED)
    elif at_rest(window, view, container):
        if not outlived(window, view, container):
            yield Lack(f"{service} was {_put_to_rest(container)} by somebody", Why.HINDERED)
    elif _done(container):
        if window.is_new(container) or unheard(view, container):
            yield Lack(f"{service} ended with code 0: whether it is done cannot be told", Why.UNKNOWN)
    elif not container.running:
        yield Lack(f"{service} is {container.state}", Why.TELLING)
    elif container.health is Health.STARTING:
        yield Lack(f"{service} is starting, by its own health check", Why.TELLING)
    elif container.health is Health.UNHEALTHY and service not in window.baseline_unhealthy:
        yield Lack(f"{service} is unhealthy, by its own health check", Why.TELLING)


def _done(container: Container) -> bool:
    """Exit 0 of what nothing restarts is success: of what ran on from before, that it has done its work."""
    return container.ended and container.exit_code == 0 and container.restart_policy in {"no", "on-failure"}


def _put_to_rest(container: Container) -> str:
    return "paused" if container.state == "paused" else "stopped"


def _check_lacks(window: Window, view: View, state: CheckState) -> Iterator[Lack]:
    """Never telling: a check fails by its own number of bad answers in a row, which is fatal at once."""
    start = judged_from(window, view, state)
    name, last = state.check.name, state.last
    if last is not None and last.answer is Answer.INCONCLUSIVE:
        yield Lack(f"check {name} cannot be carried out: {last.detail}", Why.UNKNOWN)
    elif state.passing and start is not None and state.confirmed_since(start):
        return
    elif state.failures:
        yield Lack(f"check {name} fails: {state.complaint or 'no detail'}", Why.OPEN)
    else:
        yield Lack(f"check {name} has not been green since the deployment", Why.UNKNOWN)
