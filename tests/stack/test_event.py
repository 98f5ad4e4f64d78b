"""Which events say that somebody wants a container to end."""

from __future__ import annotations

import pytest

from watchdog.stack.event import Event


@pytest.mark.parametrize("signal", [15, 9, 2, 3, None])
def test_a_kill_that_ends_a_process_asks_it_to_stop(signal: int | None) -> None:
    assert Event("kill", signal=signal).asks_to_stop


@pytest.mark.parametrize("signal", [1, 10, 12, 28])
def test_a_kill_that_only_tells_a_process_something_does_not(signal: int) -> None:
    assert not Event("kill", signal=signal).asks_to_stop


def test_another_event_does_not() -> None:
    assert not Event("die").asks_to_stop
