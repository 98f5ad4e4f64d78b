"""What Prometheus is served: the readings of this moment, from a thread of its own, and never a crash."""

from __future__ import annotations

import asyncio
import socket
import threading
import urllib.request
from collections.abc import Sequence

import pytest

from watchdog.adapters import metrics
from watchdog.adapters.metrics import Metrics, families
from watchdog.errors import WatchdogError
from watchdog.rollback.readings import COUNTED, HELP, Reading

SHOP, BLOG = (("stack", "shop"),), (("stack", "blog"),)


async def scraped(port: int | None) -> list[str]:
    def get() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            return str(answer.read().decode())

    text = await asyncio.to_thread(get)
    return [line for line in text.splitlines() if not line.startswith("#")]


async def test_what_is_read_is_read_anew_each_time_it_is_asked_for() -> None:
    values = iter([1.0, 0.0])

    async def read() -> Sequence[Reading]:
        assert threading.current_thread() is threading.main_thread()
        return [Reading("armed", next(values), SHOP), Reading("armed", 1.0, BLOG)]

    async with Metrics("127.0.0.1", 0, read) as served:
        first, second = await scraped(served.port), await scraped(served.port)
    assert first == ['ops_watchdog_armed{stack="shop"} 1.0', 'ops_watchdog_armed{stack="blog"} 1.0']
    assert second[0] == 'ops_watchdog_armed{stack="shop"} 0.0'


async def test_what_only_grows_is_a_counter_and_named_so() -> None:
    found = list(families([Reading("rollbacks", 3, (*SHOP, ("outcome", "held")))]))
    (family,) = found
    assert (family.type, family.name) == ("counter", "ops_watchdog_rollbacks")
    assert [(s.name, s.labels, s.value) for s in family.samples] == [
        ("ops_watchdog_rollbacks_total", {"stack": "shop", "outcome": "held"}, 3)
    ]
    assert set(HELP) >= COUNTED


async def test_a_port_that_is_taken_costs_the_metrics_and_nothing_else() -> None:
    async def read() -> Sequence[Reading]:
        return ()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with Metrics("127.0.0.1", taken.getsockname()[1], read) as served:
            assert served.port is None


async def test_a_state_that_cannot_be_read_is_an_empty_answer_and_the_next_one_is_whole() -> None:
    broken = True

    async def read() -> Sequence[Reading]:
        if broken:
            raise WatchdogError("the disk is full")
        return [Reading("docker_up", 1, SHOP)]

    async with Metrics("127.0.0.1", 0, read) as served:
        assert await scraped(served.port) == []
        broken = False
        assert await scraped(served.port) == ['ops_watchdog_docker_up{stack="shop"} 1.0']


async def test_who_answers_late_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "WITHIN", 0.1)
    late = asyncio.Event()

    async def read() -> Sequence[Reading]:
        await late.wait()
        return ()

    async with Metrics("127.0.0.1", 0, read) as served:
        assert await scraped(served.port) == []


async def test_nothing_listens_any_more_once_it_is_left() -> None:
    async def read() -> Sequence[Reading]:
        return ()

    async with Metrics("127.0.0.1", 0, read) as served:
        port = served.port
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port), 5)
