"""What a look adds to what earlier looks of the same window found, and what of that later looks must know.

Called by `verdict` before it judges.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from watchdog.health.outside import remaining
from watchdog.health.window import Progress, Run, View, Window
from watchdog.stack import Container, Health


def found_out(window: Window, view: View, before: Progress, progress: Progress, now: datetime) -> Progress:
    """The engine answers: note what may be gone by the next look. `before`: as the last look left it."""
    if progress.unseen_from is not None:
        span = (min(progress.unseen_from, now), now)
        progress = replace(progress, unseen_from=None, unseen=(*progress.unseen, span))
    containers = remaining(view)
    if any(container.state == "paused" for container in containers):
        progress = replace(progress, paused_at=now)
    ended = [c for c in containers if not c.running]
    stopped = frozenset(_run(c) for c in ended if c.id in view.killed or _run(c) in progress.stopped)
    progress = replace(progress, stopped=stopped)
    if window.command_ended_at is not None:
        present = progress.present | {container.service for container in containers}
        complete_at = progress.complete_at or (now if _complete(window, view) else None)
        progress = replace(progress, present=present, complete_at=complete_at)
    return replace(progress, recovered=progress.recovered | _recovered(window, view))


def _complete(window: Window, view: View) -> bool:
    """Everything that is expected has been started, and no migration holds anything up."""
    if any(c.running for service in window.migrations for c in view.of(service)):
        return False
    return all(_started(view.of(service)) for service in window.expected)


def _started(containers: list[Container]) -> bool:
    return bool(containers) and all(container.started_at is not None for container in containers)


def _run(container: Container) -> Run:
    return container.id, container.started_at


def _recovered(window: Window, view: View) -> frozenset[str]:
    """Bad before, and good in every container that this deployment made: what follows is its own doing."""
    return frozenset(service for service in window.baseline_unhealthy if _well(window, view, service))


def _well(window: Window, view: View, service: str) -> bool:
    containers = view.of(service)
    return bool(containers) and all(
        window.is_new(c) and c.running and c.health is Health.HEALTHY for c in containers
    )


def _here(view: View, service: str) -> bool:
    return any(container.service == service for container in remaining(view))


def known_of(window: Window, view: View, progress: Progress) -> tuple[Window, View]:
    """Both with what earlier looks found."""
    window = replace(
        window,
        baseline_unhealthy=window.baseline_unhealthy - progress.recovered,
        baseline_restarting=window.baseline_restarting - progress.recovered,
    )
    return window, replace(
        view,
        containers=remaining(view),
        killed=view.killed | {container for container, _ in progress.stopped},
        unseen=progress.unseen,
        heard_since=progress.heard_since,
        paused_at=progress.paused_at,
        removed=frozenset(s for s in window.expected & progress.present if not _here(view, s)),
    )
