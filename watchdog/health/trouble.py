"""What is wrong with a service outside of any deployment, by its containers alone: for alarms only.

Pure; asked by the guard after each look. What a person stopped is no trouble, nor is a job that is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watchdog.stack import Container, Health

LOOP = 3
LOOP_WITHIN = timedelta(minutes=5)
"""So many restarts by the engine in that time are a crash loop: it waits a minute at most before each."""
RUNS_FIRMLY = timedelta(minutes=2)
"""After a restart by the engine: longer than its longest pause between two of them."""
NEWS = timedelta(days=1)
"""What ended before that is nobody's surprise, also if nothing watched then."""
STAYS_UP = frozenset({"always", "unless-stopped"})
"""Restart policies under which only a stop from outside leaves a container `exited`."""
BY_SOMEBODY = frozenset({0, 137, 143})
"""Exit codes of a process that was told to end: by itself then, by KILL, by TERM."""
LEAVING = frozenset({"removing", "dead"})

Restarts = Mapping[str, tuple[tuple[datetime, int], ...]]
"""Container ID to the engine's restart counts as they were seen, each with when it was first seen."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A sentence, and since when, as far as anybody knows."""

    detail: str
    since: datetime


def counted(earlier: Restarts, containers: Iterable[Container], now: datetime) -> Restarts:
    """The restart counts with those of this look; what is older than a crash loop is forgotten."""
    return {c.id: _counted(earlier.get(c.id, ()), c.restart_count, now) for c in containers}


def _counted(
    seen: tuple[tuple[datetime, int], ...], count: int, now: datetime
) -> tuple[tuple[datetime, int], ...]:
    if seen and count < seen[-1][1]:  # a restart by hand sets the engine's count to zero
        seen = ()
    if not seen or count != seen[-1][1]:
        seen = (*seen, (now, count))
    old = [one for one in seen if now - one[0] > LOOP_WITHIN]
    return (*old[-1:], *seen[len(old) :])


def troubles(
    containers: Iterable[Container],
    stopped: Set[str],
    restarts: Restarts,
    now: datetime,
    told: Set[str] = frozenset(),
) -> dict[str, Trouble | None]:
    """Service to what is wrong with it, None where it is well; of a service that is left out nobody can tell.

    `stopped`: IDs of containers that somebody told to stop. `told`: services whose own HEALTHCHECK is told of
    elsewhere.
    """
    services: dict[str, list[Container]] = {}
    for container in containers:
        if not container.one_off and container.state not in LEAVING:
            health = Health.NONE if container.service in told else container.health
            services.setdefault(container.service, []).append(replace(container, health=health))
    found: dict[str, Trouble | None] = {}
    for service, members in services.items():
        bad = [t for c in members if (t := _trouble(c, stopped, restarts.get(c.id, ()), now))]
        if bad:
            found[service] = _of_several(bad, len(members))
        elif all(_well(c, now) for c in members):
            found[service] = None
    return found


def _of_several(bad: list[Trouble], members: int) -> Trouble:
    share = f"{len(bad)} of {members} containers: " if members > 1 else ""
    return Trouble(share + bad[0].detail, min(trouble.since for trouble in bad))


def _trouble(
    container: Container, stopped: Set[str], counts: tuple[tuple[datetime, int], ...], now: datetime
) -> Trouble | None:
    again = container.restart_count - counts[0][1] if counts else 0
    if container.state in {"running", "restarting"} and again >= LOOP:
        minutes = LOOP_WITHIN.total_seconds() / 60
        return Trouble(f"restarted {again} times in {minutes:g} min{_code(container)}", counts[0][0])
    if container.running and container.health is Health.UNHEALTHY:
        return Trouble("unhealthy by its own health check", now)
    if container.state == "created" and container.exit_code:
        return Trouble(f"could not be started (code {container.exit_code})", container.created_at)
    if container.state == "exited" and container.id not in stopped:
        return _end(container, now)
    return None


def _code(container: Container) -> str:
    return f", last with exit code {container.exit_code}" if container.exit_code else ""


def _end(container: Container, now: datetime) -> Trouble | None:
    """It ended, and no event said that somebody wanted it."""
    code, at = container.exit_code, container.finished_at or now
    if container.out_of_memory:
        return Trouble("ran out of memory and was ended", at) if now - at <= NEWS else None
    excused = BY_SOMEBODY if container.restart_policy in STAYS_UP else BY_SOMEBODY - {137}
    if code in excused or now - at > NEWS:
        return None
    return Trouble(f"exited with code {code} and nothing restarts it", at)


def _well(container: Container, now: datetime) -> bool:
    """It runs firmly, and says nothing else."""
    if not container.running or container.health in {Health.STARTING, Health.UNHEALTHY}:
        return False
    restarted = container.started_at if container.restart_count else None
    return restarted is None or now - restarted >= RUNS_FIRMLY
