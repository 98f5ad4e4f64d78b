"""What is somebody's doing, or nobody can tell whose, and therefore speaks neither for nor against a release.

People stop, kill, pause and remove containers in the window of a deployment; dockerd's own restart ends them
too, and no event says so. Asked by `evidence` and `verdict`.
"""

from __future__ import annotations

from watchdog.health.window import View, Window
from watchdog.stack import Container, Health

TERMINATED = 143
"""By TERM, which no process sends to itself: somebody ended it, even if the event that says so was lost."""
KILLED = 137
"""By KILL: from somebody, or from the host's kernel when memory ran out."""
LEAVING = frozenset({"removing", "dead"})
"""States of a container that somebody is removing, or that could not be removed entirely: it is gone."""
STAYS_UP = frozenset({"always", "unless-stopped"})
"""Restart policies under which only a stop from outside leaves a container `exited`."""


def remaining(view: View) -> tuple[Container, ...]:
    """The services' containers that count."""
    return tuple(c for c in view.containers if not c.one_off and c.state not in LEAVING)


def at_rest(window: Window, view: View, container: Container) -> bool:
    """Stopped or paused by somebody."""
    return container.state == "paused" or (container.ended and from_outside(window, view, container))


def from_outside(window: Window, view: View, container: Container) -> bool:
    """Somebody ended it, as an event said or, where events were lost, the exit code says."""
    if container.id in view.killed or container.exit_code == TERMINATED or _unseen(view, container):
        return True
    if container.state == "exited" and container.restart_policy in STAYS_UP:
        return restarts(window, container) == 0
    may_be = not window.is_new(container) or unheard(view, container)
    return may_be and container.exit_code == KILLED and not container.out_of_memory


def _unseen(view: View, container: Container) -> bool:
    """It ended while the engine did not answer: dockerd ends containers when it is restarted itself."""
    at = container.finished_at
    return at is not None and any(begin <= at <= end for begin, end in view.unseen)


def unheard(view: View, container: Container) -> bool:
    """It ended before this process of ours heard events."""
    at = container.finished_at
    return at is not None and view.heard_since is not None and at <= view.heard_since


def restarts(window: Window, container: Container) -> int:
    """By the engine itself, in this window; one by hand sets the engine's count to zero."""
    count, before = container.restart_count, window.baseline.get(container.id, 0)
    return count - before if count >= before else count


def outlived(window: Window, view: View, container: Container) -> bool:
    """Others of the same service and making stand firm: one of several is not the release, but most are."""
    made = (container.image_id, container.config_hash)
    kind = [other for other in view.of(container.service) if (other.image_id, other.config_hash) == made]
    firm = sum(other.id != container.id and _firm(window, other) for other in kind)
    return firm > 0 and firm >= sum(_fails(window, view, other) for other in kind)


def _firm(window: Window, container: Container) -> bool:
    well = container.running and container.health in {Health.NONE, Health.HEALTHY}
    return well and restarts(window, container) == 0


def _fails(window: Window, view: View, container: Container) -> bool:
    """By its own doing."""
    if container.ended:
        return container.exit_code != 0 and not from_outside(window, view, container)
    return restarts(window, container) > 0 or container.health is Health.UNHEALTHY
