"""Reads the signals out of a look at the world: pure, one small function for each sort of evidence.

Called by `verdict` on every look. Most depends on who made a container: what the deployment made must live;
what was there before may be stopped and replaced as long as an announced command runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from watchdog.health.check import Severity
from watchdog.health.signal import Kind, Signal
from watchdog.health.streak import CheckState, Color
from watchdog.health.window import View, Window
from watchdog.stack import Container, Health

NOT_EXECUTABLE = frozenset({126, 127})
"""The shell's codes for a command that cannot be run or found: no restart will help."""
TERMINATED = 143
"""By TERM, which no process sends to itself: somebody ended it, even if the event that says so was lost."""
KILLED = 137
"""By KILL: from somebody, or from the host's kernel when memory ran out."""


def signals(window: Window, view: View, now: datetime) -> tuple[Signal, ...]:
    """Everything that speaks against the deployment now, fatal or not, in a stable order."""
    containers = [c for c in view.containers if not c.one_off and _concerns(window, c)]
    found = [signal for c in containers for signal in _container(window, view, c, now)]
    found += _restarts(window, containers, now)
    regressions = (_unless_broken_before(window, signal) for signal in found)
    checks = (signal for state in view.checks for signal in _check(window, view, state, now))
    return (*regressions, *checks, *_command(window))  # last: the exit code repeats what a service showed


def _concerns(window: Window, container: Container) -> bool:
    """Made by the deployment, or from before and nobody may replace it any more.

    A migration's container concerns us always: `up` runs it again without making a new one.
    """
    if window.is_new(container) or container.service in window.migrations:
        return True
    return window.command_ended_at is not None


def _unless_broken_before(window: Window, signal: Signal) -> Signal:
    broken = signal.subject in window.baseline_unhealthy - window.migrations
    return replace(signal, fatal=False) if broken else signal


def _command(window: Window) -> Iterator[Signal]:
    if window.command_ended_at is not None and window.command_exit_code:
        detail = f"the deployment command exited with code {window.command_exit_code}"
        yield Signal(Kind.COMMAND, "command", detail, window.command_ended_at, True)


def _container(window: Window, view: View, container: Container, now: datetime) -> Iterator[Signal]:
    service, code = container.service, container.exit_code
    if container.running and container.health is Health.UNHEALTHY:
        yield Signal(Kind.UNHEALTHY, service, f"{service} is unhealthy by its own health check", now, True)
    elif container.state == "created" and code and window.is_new(container):
        ended = window.command_ended_at is not None
        yield Signal(Kind.START, service, f"{service} could not be started (code {code})", now, ended)
    elif container.state not in {"exited", "dead", "restarting"} or _before(window, container):
        return
    elif from_outside(window, view, container):
        yield Signal(Kind.EXIT, service, f"{service} was stopped by somebody", _end(container, now), False)
    else:
        yield from _own_end(window, container, _end(container, now))


def _own_end(window: Window, container: Container, at: datetime) -> Iterator[Signal]:
    """It ended without anybody's doing."""
    service, code = container.service, container.exit_code
    if container.out_of_memory:
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


def from_outside(window: Window, view: View, container: Container) -> bool:
    """Somebody ended it, as an event said or, where events were lost, the exit code says."""
    if container.id in view.killed:
        return True
    codes = {TERMINATED} if window.is_new(container) else {TERMINATED, KILLED}
    return container.exit_code in codes and not container.out_of_memory


def _nothing_restarts(container: Container) -> bool:
    if container.restart_policy == "on-failure":
        return 0 < container.restart_retries <= container.restart_count
    return not container.restarts_itself


def _restarts(window: Window, containers: Iterable[Container], now: datetime) -> Iterator[Signal]:
    counts: Counter[str] = Counter()
    for container in containers:
        before = window.baseline.get(container.id, 0)
        counts[container.service] += max(0, container.restart_count - before)
    for service, count in counts.items():
        if count >= window.limits.restart_limit:
            detail = f"{service} has restarted {count} times since the deployment"
            yield Signal(Kind.RESTARTS, service, detail, now, True)


def _check(window: Window, view: View, state: CheckState, now: datetime) -> Iterator[Signal]:
    if state.color is not Color.RED:
        return
    name, times = state.check.name, state.failures
    detail = f"check {name} has failed {times} times in a row: {state.complaint or 'no detail'}"
    yield Signal(Kind.CHECK, name, detail, state.since or now, _check_is_fatal(window, view, state))


def _check_is_fatal(window: Window, view: View, state: CheckState) -> bool:
    start = judged_from(window, view, state)
    if not decides(window, state) or start is None:
        return False
    grace_over = start if state.confirmed_since(start) else start + state.check.start_period
    return state.failing_since(grace_over)


def decides(window: Window, state: CheckState) -> bool:
    """A required check that was not red before the deployment already."""
    return state.check.severity is Severity.REQUIRED and state.check.name not in window.baseline_red


def judged_from(window: Window, view: View, state: CheckState) -> datetime | None:
    """From when on a check's answers speak about this deployment; None: not yet.

    Not while the command runs, nor while a container that it asks is yet to be started (another may be
    waiting for a migration), nor once somebody has stopped one; else from that container's first start.
    """
    if window.command_ended_at is None:
        return None
    start = window.command_ended_at
    for service in _asked(window, state):
        containers = [c for c in view.containers if c.service == service and not c.one_off]
        if not containers or any(c.started_at is None for c in containers):
            return None
        if any(c.ended and from_outside(window, view, c) for c in containers):
            return None
        start = max(start, *(_first_start(c) for c in containers))
    return start


def _asked(window: Window, state: CheckState) -> frozenset[str]:
    if state.check.service is not None:
        return frozenset({state.check.service}) & window.expected
    return window.expected - window.migrations


def _first_start(container: Container) -> datetime:
    """A restart by the engine moves `started_at`, yet gives no new grace."""
    if container.started_at is None or container.restart_count > 0:
        return container.created_at
    return container.started_at
