"""What is wrong with a service outside of a deployment: a table of looks, and restarts over time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.health.samples import after, container, exited
from watchdog.health.trouble import NEWS, Restarts, Trouble, counted, troubles
from watchdog.stack import Container, Health

NOW = after(3600)
RECENTLY: dict[str, Any] = {"finished_at": after(3590)}


def found(*containers: Container, stopped: frozenset[str] = frozenset(), **more: Any) -> Trouble | str | None:
    """Of the service backend; `unknown` where nobody can tell."""
    restarts: Restarts = more.pop("restarts", {})
    return troubles(containers, stopped, restarts, NOW, **more).get("backend", "unknown")


@pytest.mark.parametrize(
    ("look", "detail"),
    [
        (container(health=Health.UNHEALTHY), "unhealthy by its own health check"),
        (exited(1, **RECENTLY), "exited with code 1 and nothing restarts it"),
        (exited(137, **RECENTLY), "exited with code 137 and nothing restarts it"),
        (exited(137, out_of_memory=True, restart_policy="always", **RECENTLY), "ran out of memory"),
        (exited(2, restart_policy="always", **RECENTLY), "exited with code 2"),
        (container(state="created", exit_code=128), "could not be started (code 128)"),
    ],
)
def test_trouble_is_told_in_a_sentence(look: Container, detail: str) -> None:
    trouble = found(look)
    assert isinstance(trouble, Trouble)
    assert trouble.detail.startswith(detail)


@pytest.mark.parametrize("look", [container(), container(health=Health.HEALTHY), container(restart_count=2)])
def test_what_runs_firmly_is_well(look: Container) -> None:
    assert found(look) is None


@pytest.mark.parametrize(
    "look",
    [
        container(health=Health.STARTING),
        container(state="paused"),
        container(state="restarting"),
        container(state="created"),
        container(restart_count=1, started_at=after(3590)),
        exited(0, **RECENTLY),
        exited(143, **RECENTLY),
        exited(137, restart_policy="unless-stopped", **RECENTLY),
        exited(1, finished_at=NOW - NEWS - timedelta(seconds=1)),
        exited(1, out_of_memory=True, finished_at=NOW - NEWS - timedelta(seconds=1)),
        container(state="dead"),
        exited(1, one_off=True, **RECENTLY),
    ],
)
def test_of_what_may_be_meant_so_or_is_not_news_nobody_can_tell(look: Container) -> None:
    assert found(look) == "unknown"


def test_what_a_person_stopped_is_no_trouble() -> None:
    crashed = exited(1, **RECENTLY)
    assert found(crashed, stopped=frozenset({crashed.id})) == "unknown"


def test_one_of_several_is_told_as_such() -> None:
    trouble = found(container(id="1"), exited(1, id="2", **RECENTLY), container(id="3"))
    assert isinstance(trouble, Trouble)
    assert trouble.detail == "1 of 3 containers: exited with code 1 and nothing restarts it"
    assert trouble.since == after(3590)


def test_what_a_check_tells_of_a_health_check_is_not_told_twice() -> None:
    assert found(container(health=Health.UNHEALTHY), told=frozenset({"backend"})) is None
    assert isinstance(found(exited(1, **RECENTLY), told=frozenset({"backend"})), Trouble)


def looped(*counts: tuple[float, int]) -> Restarts:
    """The restart counts as the looks showed them, so many seconds after the window opened."""
    restarts: Restarts = {}
    for seconds, count in counts:
        restarts = counted(restarts, [container(restart_count=count)], after(seconds))
    return restarts


@pytest.mark.parametrize(
    ("counts", "count", "loops"),
    [
        ([(3400, 0), (3450, 1), (3500, 2), (3550, 3)], 3, True),
        ([(3400, 0), (3600, 3)], 3, True),
        ([(3400, 7), (3600, 9)], 9, False),
        ([(3600, 40)], 40, False),
        ([(3000, 0), (3100, 1), (3150, 2), (3250, 3), (3600, 3)], 3, False),
        ([(3000, 5), (3500, 0), (3550, 2)], 2, False),
    ],
)
def test_a_crash_loop_is_three_restarts_in_five_minutes(
    counts: list[tuple[float, int]], count: int, loops: bool
) -> None:
    trouble = found(container(restart_count=count, started_at=after(3590)), restarts=looped(*counts))
    assert isinstance(trouble, Trouble) is loops


def test_restart_counts_of_containers_that_are_gone_are_forgotten() -> None:
    assert counted(looped((0, 1)), [], NOW) == {}
    many = looped(*[(seconds, seconds) for seconds in range(0, 3600, 10)])
    assert len(many["new-backend"]) <= 32
