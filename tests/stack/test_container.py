import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stack.samples import container, needing
from watchdog.stack import Container, Dependency
from watchdog.stack.container import COMPLETED, migrations, stop_order

DATABASE, MIGRATE = container("database"), needing("migrate", "database")
BACKEND, WEB = needing("backend", "database", "migrate"), needing("web", "backend")


def services(levels: list[list[Container]]) -> list[list[str]]:
    return [sorted(c.service for c in level) for level in levels]


@pytest.mark.parametrize(
    ("containers", "levels"),
    [
        ([], []),
        ([DATABASE], [["database"]]),
        ([DATABASE, MIGRATE, BACKEND, WEB], [["web"], ["backend"], ["migrate"], ["database"]]),
        ([container("a"), container("b")], [["a", "b"]]),
        ([BACKEND, WEB], [["web"], ["backend"]]),
        ([needing("a", "a")], [["a"]]),
        ([needing("a", "b"), needing("b", "a"), needing("c", "a")], [["c"], ["a", "b"]]),
    ],
    ids=["nothing", "one", "a chain", "side by side", "needs one that is not here", "itself", "a cycle"],
)
def test_dependents_stop_first(containers: list[Container], levels: list[list[str]]) -> None:
    assert services(stop_order(containers)) == levels


@st.composite
def projects(draw: st.DrawFn) -> list[Container]:
    """Services in any order, each needing some of those with a smaller number."""
    count = draw(st.integers(0, 8))
    wanted = [draw(st.sets(st.integers(0, n - 1))) if n else set() for n in range(count)]
    return draw(st.permutations([needing(str(n), *map(str, sorted(w))) for n, w in enumerate(wanted)]))


@given(projects())
def test_every_container_stops_once_and_before_what_it_needs(containers: list[Container]) -> None:
    levels = stop_order(containers)
    level_of = {c.service: index for index, level in enumerate(levels) for c in level}
    assert sorted(c.service for level in levels for c in level) == sorted(c.service for c in containers)
    assert all(level_of[c.service] < level_of[d.service] for c in containers for d in c.depends_on)


def test_what_others_wait_for_to_complete_is_a_migration() -> None:
    waiting = container(
        "backend", depends_on=(Dependency("migrate", COMPLETED), Dependency("db", "service_healthy"))
    )
    assert migrations([waiting, container("migrate")]) == {"migrate"}


@pytest.mark.parametrize(
    ("state", "running", "ended"),
    [
        ("running", True, False),
        ("restarting", False, False),
        ("paused", False, False),
        ("created", False, False),
        ("exited", False, True),
        ("dead", False, True),
    ],
)
def test_states(state: str, running: bool, ended: bool) -> None:
    assert (container(state=state).running, container(state=state).ended) == (running, ended)
