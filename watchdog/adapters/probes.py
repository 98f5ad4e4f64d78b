"""Carries out the checks: fulfils `health.check.Prober`, one for each stack.

A peer that refuses, times out or cannot be resolved is BAD: the peer is part of the stack, or stands before
it. INCONCLUSIVE is only what lies with us: our own network, an unreadable token file, an engine that does not
answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from datetime import timedelta
from typing import Protocol

from watchdog.adapters.http import HttpClient, OwnNetworkDown, Response, failure
from watchdog.clock import Clock
from watchdog.errors import Unreachable, WatchdogError
from watchdog.health.check import Answer, Check, EngineHealth, Http, Sample, Sql, Tcp
from watchdog.stack import Container, Database, Engine, Health

SHARED_LOOK = timedelta(milliseconds=200)
"""Checks that ask the engine within this time share one look."""

Found = tuple[Answer, str]


class Query(Protocol):
    """Asks a database, read-only; None where the query returns no row. Raises `WatchdogError`."""

    def __call__(
        self, database: Database, query: str, timeout: timedelta, /
    ) -> Awaitable[tuple[object, ...] | None]: ...


class Probes:
    """`query` reaches the stack's databases; `project` is what the engine calls the stack."""

    def __init__(self, engine: Engine, project: str, query: Query, clock: Clock) -> None:
        self._engine = engine
        self._project = project
        self._query = query
        self._clock = clock
        self._http = HttpClient()
        self._look: asyncio.Task[tuple[Container, ...]] | None = None
        self._looked_at = 0.0

    async def probe(self, check: Check) -> Sample:
        answer, detail = await self._ask(check)
        return Sample(check.name, self._clock.now(), answer, detail)

    async def close(self) -> None:
        await self._http.close()

    async def _ask(self, check: Check) -> Found:
        seconds = check.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                match check.probe:
                    case Http():
                        return await self._ask_http(check.probe, check.timeout)
                    case Tcp():
                        return await self._ask_tcp(check.probe)
                    case Sql():
                        return await self._ask_sql(check.probe, check.timeout)
                    case EngineHealth():
                        return await self._ask_engine(check.probe)
        except TimeoutError:
            # a slow engine says nothing about the stack
            blame = Answer.INCONCLUSIVE if isinstance(check.probe, EngineHealth) else Answer.BAD
            return blame, f"no answer within {seconds:g} s"

    async def _ask_http(self, probe: Http, timeout: timedelta) -> Found:
        try:
            headers = _headers(probe)
        except OSError as error:
            return Answer.INCONCLUSIVE, f"the token file cannot be read: {error.strerror}"
        try:
            return judge_response(probe, await self._http.get(probe.url, timeout, headers, probe.verify_tls))
        except OwnNetworkDown as error:
            return Answer.INCONCLUSIVE, str(error)
        except Unreachable as error:
            return Answer.BAD, str(error)

    async def _ask_tcp(self, probe: Tcp) -> Found:
        try:
            _, writer = await asyncio.open_connection(probe.host, probe.port)
        except OSError as error:
            reason = failure(error)
            ours = isinstance(reason, OwnNetworkDown)
            return (Answer.INCONCLUSIVE if ours else Answer.BAD), str(reason)
        writer.close()
        return Answer.OK, "connected"

    async def _ask_sql(self, probe: Sql, timeout: timedelta) -> Found:
        try:
            return judge_row(probe, await self._query(probe.database, probe.query, timeout))
        except Unreachable as error:
            # the way to the database leads through the engine: its absence is not the database's
            engine_answers = await self._engine_answers()
            return (Answer.BAD if engine_answers else Answer.INCONCLUSIVE), str(error)
        except WatchdogError as error:
            return Answer.BAD, str(error)

    async def _ask_engine(self, probe: EngineHealth) -> Found:
        try:
            return judge_containers(probe.service, await self._containers())
        except WatchdogError as error:
            return Answer.INCONCLUSIVE, str(error)

    async def _engine_answers(self) -> bool:
        try:
            await self._containers()
        except WatchdogError:
            return False
        return True

    async def _containers(self) -> tuple[Container, ...]:
        """A look at the project, shared; one check's timeout does not take it from the others."""
        now = self._clock.monotonic()
        if self._look is None or now - self._looked_at >= SHARED_LOOK.total_seconds():
            self._looked_at = now
            self._look = asyncio.ensure_future(self._engine.containers(self._project))
            self._look.add_done_callback(lambda look: look.cancelled() or look.exception())
        return await asyncio.shield(self._look)


def judge_response(probe: Http, response: Response) -> Found:
    """Status, redirect target and body against what is expected; neither is quoted, both may hold secrets."""
    status = f"HTTP {response.status}"
    if not _status_fits(probe, response.status):
        return Answer.BAD, status
    if probe.redirects_to is not None and probe.redirects_to not in response.location:
        return Answer.BAD, f"{status}, but it does not redirect to {probe.redirects_to}"
    if probe.contains is not None and re.search(probe.contains, response.body) is None:
        return Answer.BAD, f"{status}, but nothing in the body matches {probe.contains}"
    return Answer.OK, status


def judge_row(probe: Sql, row: tuple[object, ...] | None) -> Found:
    """The first value against what is expected. Numbers are shown, other values are not."""
    if not row:
        return Answer.BAD, "the query returned no row"
    value = row[0]
    if probe.equals is not None and str(value) != probe.equals:
        return Answer.BAD, f"the query did not return {probe.equals}"
    if probe.minimum is None:
        return Answer.OK, "the query returned what is expected"
    try:
        number = float(str(value))
    except ValueError:
        return Answer.BAD, "the query did not return a number"
    fits = number >= probe.minimum
    return (Answer.OK if fits else Answer.BAD), f"{number:g}, at least {probe.minimum:g} expected"


def judge_containers(service: str, containers: tuple[Container, ...]) -> Found:
    """All containers of the service, the worst one decides. `starting` is neither good nor bad yet."""
    mine = [c for c in containers if c.service == service and not c.one_off]
    if not mine:
        return Answer.BAD, f"{service} has no container"
    for container in mine:
        if not container.running:
            return Answer.BAD, f"{service} is {container.state}"
        if container.health is Health.UNHEALTHY:
            return Answer.BAD, f"{service} is unhealthy"
    if any(c.health is Health.STARTING for c in mine):
        return Answer.INCONCLUSIVE, f"{service} is starting"
    return Answer.OK, f"{service} is running" if mine[0].health is Health.NONE else f"{service} is healthy"


def _status_fits(probe: Http, status: int) -> bool:
    if probe.statuses:
        return status in probe.statuses
    first = 3 if probe.redirects_to is not None else 2
    return status // 100 == first


def _headers(probe: Http) -> dict[str, str]:
    headers = dict(probe.headers)
    if probe.bearer_file is not None:
        headers["Authorization"] = f"Bearer {probe.bearer_file.read_text().strip()}"
    return headers
