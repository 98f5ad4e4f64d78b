"""Which answers of a check speak about this deployment: not those about the version before it.

Asked by `evidence` for what fails the deployment, and by `verdict` for what is lacking.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from watchdog.health.check import Command, EngineHealth, Severity
from watchdog.health.outside import at_rest
from watchdog.health.streak import CheckState
from watchdog.health.window import View, Window
from watchdog.stack import Container


def decides(window: Window, state: CheckState) -> bool:
    """A required check that was not red before the deployment already.

    Nor did the HEALTHCHECK say so that it asks for: a slow check may not have turned red by then.
    """
    probe = state.check.probe
    if isinstance(probe, EngineHealth) and probe.service in window.baseline_unhealthy:
        return False
    return state.check.severity is Severity.REQUIRED and state.check.name not in window.baseline_red


def counts_from(window: Window, view: View, state: CheckState) -> datetime | None:
    """From when on bad answers speak against the deployment; None: they do not.

    Once it was green in this window there is no more grace. What was not green before the deployment either
    has to become so first.
    """
    start = judged_from(window, view, state)
    if start is None or not decides(window, state):
        return None
    if state.confirmed_since(start):
        return start
    unproven = state.check.name in window.baseline_unproven
    return None if unproven else start + state.check.start_period


def judged_from(window: Window, view: View, state: CheckState) -> datetime | None:
    """From when on a check's answers speak about this deployment; None: not yet.

    Not while the command runs, nor while a container that it asks is yet to be started (another may be
    waiting for a migration), nor while somebody has stopped, paused or removed any: what it asks may need the
    others. Else from the youngest start that was not the engine's, or the end of a pause.
    """
    if window.command_ended_at is None or view.removed:
        return None
    asked = _asked(window, state)
    starts = [window.command_ended_at, view.paused_at or window.command_ended_at]
    for service in window.expected - window.migrations | asked:
        containers = view.of(service)
        if _taken_away(window, view, containers, each=service == _asks_each_of(state)):
            return None
        if service in asked and not (containers and all(c.started_at for c in containers)):
            return None
        starts += [_first_start(c) for c in containers if c.started_at]
    return max(starts)


def _taken_away(window: Window, view: View, containers: Sequence[Container], each: bool) -> bool:
    """Somebody stopped or paused one of them, and no other one runs in its place, or `each` has to answer."""
    resting = [at_rest(window, view, container) for container in containers]
    return any(resting) and (each or not any(c.running for c in containers))


def _asks_each_of(state: CheckState) -> str | None:
    """The service of which every single container answers a check: one that was stopped makes it red."""
    probe = state.check.probe
    return probe.service if isinstance(probe, Command | EngineHealth) else None


def _asked(window: Window, state: CheckState) -> frozenset[str]:
    """The services that answer a check; one that names none is answered by all of them together."""
    if state.check.service is not None:
        return frozenset({state.check.service}) & window.expected
    return window.expected - window.migrations


def _first_start(container: Container) -> datetime:
    """A restart by the engine moves `started_at`, yet gives no new grace."""
    if container.started_at is None or container.restart_count > 0:
        return container.created_at
    return container.started_at
