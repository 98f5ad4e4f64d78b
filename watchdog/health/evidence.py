"""Reads the signals out of a look at the world: pure, one small function for each sort of evidence.

Called by `verdict` on every look. Most depends on who made a container: what the deployment made must live;
what was there before may be stopped and replaced as long as an announced command runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from watchdog.health.judged import counts_from
from watchdog.health.outside import from_outside, outlived, remaining, restarts
from watchdog.health.signal import Kind, Signal
from watchdog.health.streak import CheckState, Color
from watchdog.health.window import View, Window
from watchdog.stack import Container, Health

NOT_EXECUTABLE = frozenset({126, 127})
"""The shell's codes for a command that cannot be run or found: no restart will help."""


def signals(window: Window, view: View, now: datetime) -> tuple[Signal, ...]:
    """Everything that speaks against the deployment now, fatal or not, in a stable order."""
    containers = [c for c in remaining(view) if _concerns(window, c)]
    found = [s for c in containers for s in _excused(window, view, c, _container(window, view, c, now))]
    found += _restarts(window, view, containers, now)
    checks = (signal for state in view.checks for signal in _check(window, view, state, now))
    return (*found, *checks, *_command(window))  # last: the exit code repeats what a service showed


def _concerns(window: Window, container: Container) -> bool:
    """Made by the deployment, or from before and nobody may replace it any more.

    A migration's container concerns us always: `up` runs it again without making a new one.
    """
    if window.is_new(container) or container.service in window.migrations:
        return True
    return window.command_ended_at is not None


def _excused(window: Window, view: View, container: Container, found: Iterable[Signal]) -> Iterator[Signal]:
    """Not fatal where the service was broken so before, or where others of its containers stand firm.

    What was unhealthy is not excused for crashing. A migration has no excuse.
    """
    service = container.service
    firm = outlived(window, view, container)
    for signal in found:
        same = window.baseline_unhealthy if signal.kind is Kind.UNHEALTHY else window.baseline_restarting
        excused = (firm or service in same) and service not in window.migrations
        yield replace(signal, fatal=False) if excused else signal


def _command(window: Window) -> Iterator[Signal]:
    if window.command_ended_at is not None and window.command_exit_code:
        detail = f"the deployment command exited with code {window.command_exit_code}"
        yield Signal(Kind.COMMAND, "command", detail, window.command_ended_at, True)


def _container(window: Window, view: View, container: Container, now: datetime) -> Iterator[Signal]:
    service, code = container.service, container.exit_code
    if container.running and container.health is Health.UNHEALTHY:
        yield Signal(Kind.UNHEALTHY, service, f"{service} is unhealthy by its own health check", now, True)
    elif container.running and container.out_of_memory:
        detail = f"a process of {service} ran out of memory, {service} itself runs"
        yield Signal(Kind.MEMORY, service, detail, now, False)
    elif container.state == "created" and code and window.is_new(container):
        ended = window.command_ended_at is not None
        yield Signal(Kind.START, service, f"{service} could not be started (code {code})", now, ended)
    elif container.state not in {"exited", "restarting"} or _before(window, container):
        return
    elif from_outside(window, view, container):
        yield Signal(Kind.EXIT, service, f"{service} was stopped by somebody", _end(container, now), False)
    else:
        yield from _own_end(window, container, _end(container, now))


def _own_end(window: Window, container: Container, at: datetime) -> Iterator[Signal]:
    """It ended without anybody's doing."""
    service, code = container.service, container.exit_code
    if container.out_of_memory and code:
        yield Signal(Kind.MEMORY, service, f"{service} ran out of memory", at, True)
    elif service in window.migrations:
        if code:
            yield Signal(Kind.MIGRATION, service, f"migration {service} exited with code {code}", at, True)
    elif code in NOT_EXECUTABLE:
        yield Signal(Kind.EXIT, service, f"{service} cannot be executed (code {code})", at, True)
    elif container.ended and (code or service in window.expected):
        final = code != 0 and _nothing_restarts(container)
        why = " and nothing restarts it" if final else ""
        yield Signal(Kind.EXIT, service, f"{service} exited with code {code}{why}", at, final)


def _end(container: Container, now: datetime) -> datetime:
    return container.finished_at or now


def _before(window: Window, container: Container) -> bool:
    """It ended before the deployment."""
    if window.is_new(container):
        return False
    return container.finished_at is not None and container.finished_at < window.opened_at


def _nothing_restarts(container: Container) -> bool:
    if container.restart_policy == "on-failure":
        return 0 < container.restart_retries <= container.restart_count
    return not container.restarts_itself


def _restarts(window: Window, view: View, containers: Iterable[Container], now: datetime) -> Iterator[Signal]:
    """Counted for each service, without those of a container while others of its kind stand firm."""
    counts: Counter[str] = Counter()
    for container in containers:
        if not outlived(window, view, container):
            counts[container.service] += restarts(window, container)
    for service, count in counts.items():
        if count >= window.limits.restart_limit:
            detail = f"{service} has restarted {count} times since the deployment"
            yield Signal(Kind.RESTARTS, service, detail, now, service not in window.baseline_restarting)


def _check(window: Window, view: View, state: CheckState, now: datetime) -> Iterator[Signal]:
    if state.color is not Color.RED:
        return
    name, times = state.check.name, state.failures
    detail = f"check {name} has failed {times} times in a row: {state.complaint or 'no detail'}"
    counts = counts_from(window, view, state)
    fatal = counts is not None and state.failing_since(counts)
    yield Signal(Kind.CHECK, name, detail, state.since or now, fatal)
