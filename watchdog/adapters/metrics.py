"""Metrics for Prometheus: serves the daemon's readings, taken when somebody asks, so that nobody pays for
them who asks for none. Imported only where they are configured.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Iterable, Iterator, Sequence
from threading import Thread
from types import TracebackType
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from watchdog.errors import WatchdogError
from watchdog.rollback.readings import COUNTED, HELP, Read, Reading

log = structlog.get_logger(__name__)

PREFIX = "ops_watchdog_"
WITHIN = 5.0
"""Seconds. Prometheus itself gives up after 10."""


class Metrics(Collector):
    """Serves for as long as it is entered. A port that is taken is told, and costs the metrics only."""

    def __init__(self, host: str, port: int, read: Read) -> None:
        self._address = (host, port)
        self._read = read
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: tuple[Any, Thread] | None = None

    @property
    def port(self) -> int | None:
        """Where it listens; None where it could not."""
        return int(self._server[0].server_port) if self._server else None

    async def __aenter__(self) -> Metrics:
        host, port = self._address
        self._loop = asyncio.get_running_loop()
        registry = CollectorRegistry()
        registry.register(self)
        try:
            self._server = await asyncio.to_thread(start_http_server, port, host, registry)
        except OSError as error:
            reason = f"{error.strerror or error}; choose another address with metrics.listen"
            log.error("metrics_not_served", host=host, port=port, reason=reason)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            server, thread = self._server
            await asyncio.to_thread(server.shutdown)
            server.server_close()
            thread.join()

    def collect(self) -> Iterator[Metric]:
        """On a thread of the server's; the readings are taken on the loop, where their owners live."""
        assert self._loop is not None, "it is registered when it is entered"
        reading = asyncio.run_coroutine_threadsafe(self._readings(), self._loop)
        try:
            found = reading.result(WITHIN)
        except (WatchdogError, concurrent.futures.TimeoutError, concurrent.futures.CancelledError) as error:
            reading.cancel()
            log.warning("metrics_not_read", reason=str(error) or f"not within {WITHIN:g} s")
            return
        yield from families(found)

    async def _readings(self) -> Sequence[Reading]:
        return await self._read()


def families(readings: Iterable[Reading]) -> Iterator[Metric]:
    """The readings as Prometheus groups them: by name, in the order in which names are explained."""
    by_name: dict[str, list[Reading]] = {}
    for reading in readings:
        by_name.setdefault(reading.name, []).append(reading)
    for name, text in HELP.items():
        if found := by_name.get(name):
            kind = CounterMetricFamily if name in COUNTED else GaugeMetricFamily
            labels = [label for label, _ in found[0].labels]
            family = kind(PREFIX + name, text, labels=labels)
            for reading in found:
                family.add_metric([value for _, value in reading.labels], reading.value)
            yield family
