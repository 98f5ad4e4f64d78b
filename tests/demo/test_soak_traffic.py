"""Nobody is cut in the middle of a command by what ends the daemon or the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest
from bench.soak.traffic import Traffic

PATIENCE_SECONDS = 10.0


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def passing(pool: ThreadPoolExecutor, door: Callable[[], AbstractContextManager[None]]) -> Future[None]:
    def go_through() -> None:
        with door():
            """It came in."""

    return pool.submit(go_through)


def test_many_pass_side_by_side(pool: ThreadPoolExecutor) -> None:
    traffic = Traffic()
    with traffic.shared():
        passing(pool, traffic.shared).result(PATIENCE_SECONDS)


def test_whoever_is_alone_waits_for_those_inside_and_lets_nobody_in_before(pool: ThreadPoolExecutor) -> None:
    traffic = Traffic()
    with traffic.shared():
        alone = passing(pool, traffic.alone)
        while not traffic.wanted_alone:
            assert not alone.done()
        later = passing(pool, traffic.shared)
        assert not alone.done()
        assert not later.done()
    alone.result(PATIENCE_SECONDS)
    later.result(PATIENCE_SECONDS)


def test_two_that_want_to_be_alone_take_turns(pool: ThreadPoolExecutor) -> None:
    traffic = Traffic()
    with traffic.alone():
        other = passing(pool, traffic.alone)
        while not traffic.wanted_alone > 1:
            assert not other.done()
        assert not other.done()
    other.result(PATIENCE_SECONDS)
