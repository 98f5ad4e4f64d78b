import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stack.samples import container
from watchdog.deploy.changes import changed_services, merge, parts
from watchdog.stack import Container

BACKEND, WEB = container("backend"), container("web")
NEW_IMAGE, NEW_HASH = container("backend", image_id="sha256:2"), container("backend", config_hash="2")
KNOWN = parts([BACKEND, WEB])


@pytest.mark.parametrize(
    ("containers", "changed"),
    [
        ([BACKEND, WEB], ()),
        ([WEB, BACKEND], ()),
        ([BACKEND], ()),
        ([], ()),
        ([container("backend", id="another", state="exited", restart_count=9), WEB], ()),
        ([NEW_IMAGE, WEB], ("backend",)),
        ([NEW_HASH, WEB], ("backend",)),
        ([NEW_HASH, container("web", image_id="sha256:2")], ("backend", "web")),
        ([BACKEND, WEB, container("worker")], ("worker",)),
        ([BACKEND, NEW_IMAGE, WEB], ("backend",)),
        ([BACKEND, WEB, container("shell", one_off=True)], ()),
    ],
    ids=[
        "nothing",
        "another order",
        "one removed",
        "all removed",
        "another container of the same making",
        "another image",
        "another definition",
        "two services",
        "a new service",
        "old and new side by side",
        "a one-off container",
    ],
)
def test_a_change_is_a_container_of_another_making(
    containers: list[Container], changed: tuple[str, ...]
) -> None:
    assert changed_services(KNOWN, containers) == changed


def test_what_stopped_existing_stays_known_until_it_returns() -> None:
    known = merge(KNOWN, [NEW_IMAGE])
    assert known == parts([NEW_IMAGE, WEB])
    assert changed_services(known, [NEW_IMAGE, WEB]) == ()


CONTAINERS = st.lists(
    st.builds(
        lambda s, i, h: container(s, image_id=i, config_hash=h), *[st.sampled_from(["a", "b", "c"])] * 3
    )
)


@given(CONTAINERS, CONTAINERS)
def test_what_was_merged_is_no_change_any_more(before: list[Container], now: list[Container]) -> None:
    known = merge(parts(before), now)
    assert changed_services(known, now) == ()
    assert merge(known, now) == known
