"""What is missing for healthy, and whether it speaks against the release or merely of ignorance.

Asked by `verdict` where nothing is fatal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from watchdog.health.check import Answer
from watchdog.health.judged import counts_from, decides, judged_from
from watchdog.health.outside import at_rest, outlived, unheard
from watchdog.health.streak import CheckState
from watchdog.health.window import Progress, View, Window
from watchdog.stack import Container, Health


@dataclass(frozen=True, slots=True)
class Lack:
    """`telling`: it speaks against the release; only such a lack fails it, when the deadline is over."""

    reason: str
    telling: bool


def lacks(window: Window, view: View, progress: Progress) -> Iterator[Lack]:
    """Everything that is missing. While others wait for a migration, however long, no lack is telling."""
    migrating = any(c.running and c.service in window.migrations for c in view.containers)
    for lack in _lacks(window, view, progress):
        yield replace(lack, telling=False) if migrating else lack


def _lacks(window: Window, view: View, progress: Progress) -> Iterator[Lack]:
    if window.command_ended_at is None:
        yield Lack("the deployment command is still running", False)
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
        yield Lack(f"{service} was removed by somebody", False)
    elif not containers:
        yield Lack(f"{service} has no container", bool(view.containers))
    for container in containers:
        for lack in _container_lacks(window, view, container):
            excused = service in window.baseline_unhealthy or outlived(window, view, container)
            yield replace(lack, telling=lack.telling and not excused)


def _container_lacks(window: Window, view: View, container: Container) -> Iterator[Lack]:
    service = container.service
    if service in window.migrations and container.ended and container.exit_code == 0:
        return
    if service in window.migrations and container.running:
        yield Lack(f"migration {service} is still running", True)
    elif at_rest(window, view, container):
        if not outlived(window, view, container):
            yield Lack(f"{service} was {_put_to_rest(container)} by somebody", False)
    elif _done(container):
        if window.is_new(container) or unheard(view, container):
            yield Lack(f"{service} ended with code 0: whether it is done cannot be told", False)
    elif not container.running:
        yield Lack(f"{service} is {container.state}", True)
    elif container.health is Health.STARTING:
        yield Lack(f"{service} is starting, by its own health check", True)
    elif container.health is Health.UNHEALTHY and service not in window.baseline_unhealthy:
        yield Lack(f"{service} is unhealthy, by its own health check", True)


def _done(container: Container) -> bool:
    """Exit 0 of what nothing restarts is success: of what ran on from before, that it has done its work."""
    return container.ended and container.exit_code == 0 and container.restart_policy in {"no", "on-failure"}


def _put_to_rest(container: Container) -> str:
    return "paused" if container.state == "paused" else "stopped"


def _check_lacks(window: Window, view: View, state: CheckState) -> Iterator[Lack]:
    start = judged_from(window, view, state)
    name, last = state.check.name, state.last
    if last is not None and last.answer is Answer.INCONCLUSIVE:
        yield Lack(f"check {name} cannot be carried out: {last.detail}", False)
    elif state.passing and start is not None and state.confirmed_since(start):
        return
    elif state.failures:
        counts = counts_from(window, view, state)
        telling = counts is not None and any(at >= counts for at in state.failed_at)
        yield Lack(f"check {name} fails: {state.complaint or 'no detail'}", telling)
    else:
        yield Lack(f"check {name} has not been green since the deployment", False)
