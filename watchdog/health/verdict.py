"""Has the deployment failed? The one decision that may lead to a rollback, as a pure function.

The guard asks on every event, sample and reconciliation, keeps the returned `Progress`, and acts on FAILED.
Three rules shape it: healthy needs positive evidence, a fatal signal stays fatal, and what cannot be told is
never a failure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from watchdog.health.evidence import signals
from watchdog.health.finding import found_out, known_of
from watchdog.health.judged import decides
from watchdog.health.lacks import Lack, its_time_runs, lacks
from watchdog.health.signal import Signal
from watchdog.health.steady import by_todays_clock, looking, passed
from watchdog.health.window import Progress, View, Window


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


def verdict(window: Window, view: View, progress: Progress, now: datetime) -> Verdict:
    """What follows from everything known at `now`."""
    watched, before = passed(progress, now), progress
    progress = looking(window, progress, now)
    if not view.reachable:
        return _blind(before, progress)
    window, view = by_todays_clock(window, view, progress, now)
    progress = found_out(window, view, before, progress, now)
    window, view = known_of(window, view, progress)
    seen = _merged(progress.seen, signals(window, view, now))
    if seen:
        reasons = tuple(signal.detail for signal in seen)
        return Verdict(Outcome.FAILED, reasons, replace(progress, green_since=None, seen=seen))
    if not window.expected and not any(decides(window, state) for state in view.checks):
        reason = "there is nothing to judge by: no expected service and no required check"
        return Verdict(Outcome.INCONCLUSIVE, (reason,), progress)
    lacking = tuple(lacks(window, view, progress))
    if its_time_runs(lacking):
        progress = replace(progress, waited=progress.waited + watched)
    if lacking:
        return _not_yet(window, replace(progress, green_since=None), lacking, now)
    return _good(window, view, progress, now)


def _blind(before: Progress, progress: Progress) -> Verdict:
    reason = "the engine does not answer: nothing can be told about the containers"
    since = progress.unseen_from or before.looked_at or progress.looked_at
    return Verdict(Outcome.INCONCLUSIVE, (reason,), replace(progress, green_since=None, unseen_from=since))


def _merged(seen: Iterable[Signal], found: Iterable[Signal]) -> tuple[Signal, ...]:
    """Fatal signals, the earlier ones first, each sort and subject once."""
    merged: dict[tuple[str, str], Signal] = {}
    for signal in (*seen, *found):
        if signal.fatal:
            merged.setdefault((signal.kind, signal.subject), signal)
    return tuple(merged.values())


def _not_yet(window: Window, progress: Progress, lacking: tuple[Lack, ...], now: datetime) -> Verdict:
    """Failed once what speaks against the release has had all of the deadline."""
    reasons = tuple(lack.reason for lack in lacking)
    deadline, ended = window.limits.healthy_deadline, window.command_ended_at
    if progress.healthy_at is not None or ended is None:
        return Verdict(Outcome.WAITING, reasons, progress)
    telling = tuple(lack.reason for lack in lacking if lack.telling)
    if telling and progress.waited >= deadline:
        minutes = deadline.total_seconds() / 60
        return Verdict(Outcome.FAILED, (f"not healthy within {minutes:g} min", *telling), progress)
    over = not telling and now - ended >= deadline
    return Verdict(Outcome.INCONCLUSIVE if over else Outcome.WAITING, reasons, progress)


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


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():.0f} s"
