"""The items of a stack's `checks`: each names exactly one kind of probe, and its rhythm."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, SecretStr, Tag, model_validator

from watchdog.health.check import Check, Severity, Tcp
from watchdog.settings.fields import (
    Count,
    Duration,
    DurationOrZero,
    HostAndPort,
    Identifier,
    Number,
    Pattern,
    SecretFile,
    Section,
    Statuses,
    Text,
    TextOrNumber,
    Url,
)

_DEFAULT = Check("", Tcp("", 0))
"""The rhythm's defaults live in the domain; here they are only read."""


class CheckSection(Section):
    """What every kind of check has. `service` names the service it is about."""

    name: Text | None = None
    service: Text | None = None
    severity: Severity = _DEFAULT.severity
    interval: Duration = _DEFAULT.interval
    timeout: Duration = _DEFAULT.timeout
    start_period: DurationOrZero = _DEFAULT.start_period
    failure_threshold: Count = _DEFAULT.failure_threshold
    success_threshold: Count = _DEFAULT.success_threshold


class HttpCheck(CheckSection):
    http: Url
    status: Statuses = ()
    contains: Pattern | None = None
    redirects_to: Text | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    bearer_file: SecretFile | None = None
    verify_tls: bool = True


class TcpCheck(CheckSection):
    tcp: HostAndPort


class SqlCheck(CheckSection):
    sql: Text
    min: Number | None = None
    equals: TextOrNumber | None = None
    database: Identifier | None = None

    @model_validator(mode="after")
    def _one_expectation(self) -> SqlCheck:
        if self.min is not None and self.equals is not None:
            raise ValueError("takes min or equals, not both")
        return self


class DockerCheck(CheckSection):
    docker: Text


KINDS = ("http", "tcp", "sql", "docker")


def _kind(item: Any) -> str | None:
    given = [kind for kind in KINDS if kind in item] if isinstance(item, dict) else []
    return given[0] if len(given) == 1 else None


AnyCheck = Annotated[
    Annotated[HttpCheck, Tag("http")]
    | Annotated[TcpCheck, Tag("tcp")]
    | Annotated[SqlCheck, Tag("sql")]
    | Annotated[DockerCheck, Tag("docker")],
    Discriminator(
        _kind,
        custom_error_type="check_kind",
        custom_error_message=f"must be a mapping with exactly one of {', '.join(KINDS)}",
    ),
]
