from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.stack.samples import container, release
from watchdog.stack.release import fingerprint, running_fingerprint

PARTS = st.lists(st.tuples(*[st.text("abc", min_size=1)] * 3), unique=True, max_size=5)


@given(PARTS)
def test_the_order_of_services_does_not_matter(parts: list[tuple[str, str, str]]) -> None:
    assert fingerprint(parts) == fingerprint(reversed(parts)) == fingerprint([*parts, *parts])


@given(PARTS, PARTS)
def test_other_parts_are_another_release(
    one: list[tuple[str, str, str]], other: list[tuple[str, str, str]]
) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (set(one) == set(other))


def test_what_runs_has_the_fingerprint_of_its_release_whether_it_runs_or_has_ended() -> None:
    containers = [container("web"), container("backend", state="exited"), container("shell", one_off=True)]
    assert running_fingerprint(containers) == release("1", "backend", "web").fingerprint


def test_files_and_moments_are_no_part_of_the_fingerprint() -> None:
    first = release("1")
    assert replace(first, files=(), id="other").fingerprint == first.fingerprint


def test_a_service_is_found_by_its_name() -> None:
    found = release("1", "backend", "web").service("web")
    assert found is not None
    assert found.image_id == "sha256:web-1"
    assert release("1").service("gone") is None
