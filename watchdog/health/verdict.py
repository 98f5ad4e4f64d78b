"""Has the deployment failed? The one decision that may lead to a rollback, as a pure function.

The guard asks on every event, sample and reconciliation, keeps the returned `Progress`, and acts on FAILED.
Three rules shape it: healthy needs positive evidence, a fatal signal stays fatal, and what cannot be told is
never a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from watchdog.health.check import Answer
from watchdog.health.evidence import decides, from_outside, judged_from, signals
from watchdog.health.signal import Signal
from watchdog.health.streak import CheckState
from watchdog.health.window import Progress, View, Window
from watchdog.stack import Container, Health


class Outcome(StrEnum):
    HEALTHY = "healthy"
    WAITING = "waiting"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reasons` are sentences for people; `progress` goes into the next verdict of the same window."""

    outcome: Outcome
    reasons: tuple[str, ...]
    progress: Progress


@dataclass(frozen=True, slots=True)
class _Lack:
    """What is missing for healthy. `telling`: it speaks against the release, not merely of ignorance."""

    reason: str
    telling: bool


def verdict(window: Window, view: View, progress: Progress, now: datetime) -> Verdict:
    """What follows from everything known at `now`."""
    if not view.reachable:
        reason = "the engine does not answer: nothing can be told about the containers"
        return Verdict(Outcome.INCONCLUSIVE, (reason,), replace(progress, green_since=None))
    seen = _merged(progress.seen, signals(window, view, now))
    if seen:
        reasons = tuple(signal.detail for signal in seen)
        return Verdict(Outcome.FAILED, reasons, replace(progress, green_since=None, seen=seen))
    if not window.expected and not any(decides(window, state) for state in view.checks):
        reason = "there is nothing to judge by: no expected service and no required check"
        return Verdict(Outcome.INCONCLUSIVE, (reason,), progress)
    lacks = tuple(_lacks(window, view))
    if _migrating(window, view):  # others wait for it, for as long as it takes: no deadline ends that
        lacks = tuple(replace(lack, telling=False) for lack in lacks)
    if lacks:
        return _not_yet(window, replace(progress, green_since=None), lacks, now)
    return _good(window, view, progress, now)


def _merged(seen: Iterable[Signal], found: Iterable[Signal]) -> tuple[Signal, ...]:
    """Fatal signals, the earlier ones first, each sort and subject once."""
    merged: dict[tuple[str, str], Signal] = {}
    for signal in (*seen, *found):
        if signal.fatal:
            merged.setdefault((signal.kind, signal.subject), signal)
    return tuple(merged.values())


def _migrating(window: Window, view: View) -> bool:
    return any(c.running and c.service in window.migrations and not c.one_off for c in view.containers)


def _lacks(window: Window, view: View) -> Iterator[_Lack]:
    if window.command_ended_at is None:
        yield _Lack("the deployment command is still running", False)
    for service in sorted(window.expected):
        containers = [c for c in view.containers if c.service == service and not c.one_off]
        if not containers:
            # a stack that was taken away whole is somebody's doing; part of it is not
            yield _Lack(f"{service} has no container", bool(view.containers))
        for container in containers:
            yield from _container_lacks(window, view, container)
    for state in view.checks:
        if decides(window, state):
            yield from _check_lacks(window, view, state)


def _container_lacks(window: Window, view: View, container: Container) -> Iterator[_Lack]:
    service = container.service
    if service in window.migrations and container.ended and container.exit_code == 0:
        return
    if service in window.migrations and container.running:
        yield _Lack(f"migration {service} is still running", True)
    elif container.ended and from_outside(window, view, container):
        yield _Lack(f"{service} was stopped by somebody", False)
    elif not container.running:
        yield _Lack(f"{service} is {container.state}", True)
    elif container.health is Health.STARTING:
        yield _Lack(f"{service} is starting, by its own health check", True)
    elif container.health is Health.UNHEALTHY and service not in window.baseline_unhealthy:
        yield _Lack(f"{service} is unhealthy, by its own health check", True)


def _check_lacks(window: Window, view: View, state: CheckState) -> Iterator[_Lack]:
    start = judged_from(window, view, state)
    if state.passing and start is not None and state.confirmed_since(start):
        return
    name = state.check.name
    if state.failures:
        yield _Lack(f"check {name} fails: {state.complaint or 'no detail'}", start is not None)
    elif state.last is not None and state.last.answer is Answer.INCONCLUSIVE:
        yield _Lack(f"check {name} cannot be carried out: {state.last.detail}", False)
    else:
        yield _Lack(f"check {name} has not been green since the deployment", False)


def _not_yet(window: Window, progress: Progress, lacks: tuple[_Lack, ...], now: datetime) -> Verdict:
    reasons = tuple(lack.reason for lack in lacks)
    if progress.healthy_at is not None or not _deadline_over(window, now):
        return Verdict(Outcome.WAITING, reasons, progress)
    minutes = window.limits.healthy_deadline.total_seconds() / 60
    telling = tuple(lack.reason for lack in lacks if lack.telling)
    if not telling:
        return Verdict(Outcome.INCONCLUSIVE, reasons, progress)
    return Verdict(Outcome.FAILED, (f"not healthy within {minutes:g} min", *telling), progress)


def _good(window: Window, view: View, progress: Progress, now: datetime) -> Verdict:
    """Nothing is lacking: healthy once that has lasted, counted from the youngest start."""
    starts = [c.started_at for c in view.containers if c.service in window.expected and c.started_at]
    since = max([progress.green_since or now, *(start for start in starts if start <= now)])
    lasted = now - since
    wanted = window.limits.min_healthy_time
    if lasted >= wanted:
        after = replace(progress, green_since=since, healthy_at=progress.healthy_at or now)
        return Verdict(Outcome.HEALTHY, (f"everything has been good for {_seconds(lasted)}",), after)
    reason = f"everything has been good for {_seconds(lasted)} of {_seconds(wanted)}"
    return Verdict(Outcome.WAITING, (reason,), replace(progress, green_since=since))


def _deadline_over(window: Window, now: datetime) -> bool:
    ended = window.command_ended_at
    return ended is not None and now - ended >= window.limits.healthy_deadline


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():.0f} s"
