"""Carries out the checks: fulfils `health.check.Prober`, one for each stack.

A peer that refuses, times out or cannot be resolved is BAD: the peer is part of the stack, or stands before
it. INCONCLUSIVE is what lies with us or with the probe: our own network, an unreadable token file, an engine
that does not answer, a body too long to be judged, a command that the container does not have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Protocol

from watchdog.adapters.answers import (
    Found,
    judge_containers,
    judge_exit,
    judge_response,
    judge_row,
    judge_states,
    of_service,
    worst,
)
from watchdog.adapters.http import HttpClient, OwnNetworkDown, failure
from watchdog.clock import Clock
from watchdog.errors import Unreachable, WatchdogError
from watchdog.health.check import Answer, Check, Command, EngineHealth, Http, Sample, Sql, Tcp
from watchdog.stack import Container, Database, Engine

STALL = timedelta(milliseconds=500)
"""A bad answer that comes so long after its timeout was held up by ourselves: it speaks against nobody. (A
command may take longer rightly: what is late has to be ended first.)"""
SHARED_LOOK = timedelta(milliseconds=200)
"""Checks that ask the engine within this time share one look."""


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
        began = asyncio.get_running_loop().time()
        answer, detail = await self._ask(check)
        took = timedelta(seconds=asyncio.get_running_loop().time() - began)
        if answer is Answer.BAD and took > check.timeout + STALL and not isinstance(check.probe, Command):
            answer, detail = Answer.INCONCLUSIVE, "this host was too busy to ask in time"
        return Sample(check.name, self._clock.now(), answer, detail)

    async def _ask(self, check: Check) -> Found:
        if isinstance(check.probe, Command):  # what is late must be ended, beyond the timeout
            return await self._ask_command(check.probe, check.timeout)
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
        except UnicodeError:  # its text would quote the token
            return Answer.INCONCLUSIVE, "the token file cannot be read: it is not one line of ASCII"
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

    async def _ask_command(self, probe: Command, timeout: timedelta) -> Found:
        """In each of the service's containers at once, the worst answer decides."""
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                containers = await self._containers()
        except TimeoutError:
            return Answer.INCONCLUSIVE, "the engine does not answer"
        except WatchdogError as error:
            return Answer.INCONCLUSIVE, str(error)
        state = judge_states(probe.service, containers)
        if state is not None:
            return state
        mine = of_service(probe.service, containers)
        return worst(await asyncio.gather(*(self._run_in(c, probe, timeout) for c in mine)))

    async def _run_in(self, container: Container, probe: Command, timeout: timedelta) -> Found:
        try:
            code = await self._engine.execute(container.id, probe.argv, timeout)
        except WatchdogError as error:
            return Answer.INCONCLUSIVE, str(error)
        return judge_exit(container.name, code, timeout)

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


def _headers(probe: Http) -> dict[str, str]:
    headers = dict(probe.headers)
    if probe.bearer_file is not None:
        token = probe.bearer_file.read_text(encoding="ascii").strip()
        if not token.isprintable():
            raise UnicodeError
        headers["Authorization"] = f"Bearer {token}"
    return headers
