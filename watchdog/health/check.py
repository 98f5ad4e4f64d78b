"""The checks an operator declares, one frozen class a kind, and what a single answer looks like."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from watchdog.health.json_path import Scalar
from watchdog.stack import Database


class Severity(StrEnum):
    """A required check decides about a rollback; a wanted one only alerts."""

    REQUIRED = "required"
    WANTED = "wanted"


@dataclass(frozen=True, slots=True)
class Http:
    """An HTTP request that must be answered as expected.

    `statuses` empty means any 2xx, or any 3xx where `redirects_to` is given. `contains` is a regular
    expression searched in the body; `json` what the body must hold, as (path, value): see `json_path`.
    `redirects_to` must occur in the Location header (redirects are never followed). `bearer_file` holds a
    token sent as `Authorization: Bearer`.
    """

    url: str
    statuses: tuple[int, ...] = ()
    contains: str | None = None
    json: tuple[tuple[str, Scalar], ...] = ()
    redirects_to: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    bearer_file: Path | None = None
    verify_tls: bool = True


@dataclass(frozen=True, slots=True)
class Tcp:
    """A connection that must be accepted."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Sql:
    """A read-only query whose first value is compared: at least `minimum`, or equal to `equals` (as text).

    With neither, the query must only succeed and return a row.
    """

    query: str
    database: Database
    minimum: float | None = None
    equals: str | None = None


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """The container's own HEALTHCHECK, as the engine reports it."""

    service: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command that must exit with 0 in each running container of the service; no shell takes part.

    Its arguments may hold a secret: they are never shown.
    """

    service: str
    argv: tuple[str, ...] = field(repr=False)


Probe = Http | Tcp | Sql | EngineHealth | Command


@dataclass(frozen=True, slots=True)
class Check:
    """A probe with its rhythm. Defaults: Docker's and Nomad's terms, values of the field notes.

    `interval` between the starts of two probes; `timeout` is total, not per phase; `start_period` after a
    deployment in which failures do not count; `failure_threshold` and `success_threshold` consecutive
    answers change the state. `follows` names those of these that a HEALTHCHECK decides (see `rhythm`).
    """

    name: str
    probe: Probe
    service: str | None = None
    severity: Severity = Severity.REQUIRED
    interval: timedelta = timedelta(seconds=5)
    timeout: timedelta = timedelta(seconds=5)
    start_period: timedelta = timedelta(seconds=30)
    failure_threshold: int = 3
    success_threshold: int = 1
    follows: frozenset[str] = frozenset()

    @property
    def time_to_fail(self) -> timedelta:
        """How long after a start it needs to turn red."""
        return self.start_period + self.interval * self.failure_threshold


class Answer(StrEnum):
    """One probe's outcome. INCONCLUSIVE: the probe itself could not be carried out (not evidence)."""

    OK = "ok"
    BAD = "bad"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer: when, how it went, and a short detail for people (never a secret, never a whole body)."""

    check: str
    at: datetime
    answer: Answer
    detail: str = ""


class Prober(Protocol):
    """Carries out one probe within the check's total timeout. Never raises for a bad answer."""

    async def probe(self, check: Check) -> Sample: ...
