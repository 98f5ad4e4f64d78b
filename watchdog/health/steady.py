"""Time as a window counts it, whatever the wall clock does: it may be set, and a host may sleep.

The verdict is asked several times a second. What passes between two looks beyond `STEP` was not watched: it
uses up no deadline and is no proof of health. Instead the window moves along: its command ended that much
later, by the clock of now. Called by `verdict` before it judges.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from watchdog.health.streak import as_of
from watchdog.health.window import Progress, View, Window
from watchdog.stack import Container

STEP = timedelta(seconds=10)
"""No two looks of a guard that is alive are further apart, not even on a busy host."""


def passed(progress: Progress, now: datetime) -> timedelta:
    """How much time was watched since the last look."""
    if progress.looked_at is None:
        return timedelta(0)
    return min(max(now - progress.looked_at, timedelta(0)), STEP)


def looking(window: Window, progress: Progress, now: datetime) -> Progress:
    """At the beginning of a look: what was counted for another end of the command is counted anew."""
    if progress.ended_at != window.command_ended_at:
        ended, zero = window.command_ended_at, timedelta(0)
        progress = replace(progress, ended_at=ended, clock_set=zero, waited=zero, complete_at=None)
    if progress.looked_at is None:
        since = now if progress.heard_since is not None else None
        return replace(progress, looked_at=now, heard_since=since)
    jump = now - progress.looked_at - passed(progress, now)
    return replace(
        progress,
        looked_at=now,
        green_since=progress.green_since + jump if progress.green_since else None,
        complete_at=progress.complete_at + jump if progress.complete_at else None,
        clock_set=progress.clock_set + jump if window.command_ended_at else timedelta(0),
    )


def by_todays_clock(window: Window, view: View, progress: Progress, now: datetime) -> tuple[Window, View]:
    """Both with instants that the clock of now could have given.

    Answers from the future are forgotten: nobody knows to which version they were given.
    """
    ended, moved = window.command_ended_at, progress.clock_set
    window = replace(window, command_ended_at=ended + moved if ended else None)
    containers = tuple(_moved(container, moved, now) for container in view.containers)
    checks = tuple(as_of(state, now) for state in view.checks)
    return window, replace(view, containers=containers, checks=checks)


def _moved(container: Container, by: timedelta, now: datetime) -> Container:
    """What lies in the future was noted before the clock was set back."""
    instants = (container.created_at, container.started_at, container.finished_at)
    if by >= timedelta(0) or all(instant is None or instant <= now for instant in instants):
        return container

    def moved(instant: datetime) -> datetime:
        return instant + by if instant > now else instant

    return replace(
        container,
        created_at=moved(container.created_at),
        started_at=container.started_at and moved(container.started_at),
        finished_at=container.finished_at and moved(container.finished_at),
    )
