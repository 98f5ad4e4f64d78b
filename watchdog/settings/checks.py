"""The items of a stack's `checks`: each names exactly one kind of probe, and its rhythm."""

from __future__ import annotations

import re
import shlex
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, SecretStr, Tag, model_validator

from watchdog.health import json_path
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
REDIRECTING = frozenset({201, *range(300, 400)})
BODILESS = frozenset({204, 304})
SHELL_WORDS = frozenset({"|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1"})


def _words(value: Any) -> Any:
    """Text is split as a shell would, and as Compose splits a `command`; no shell takes part in either."""
    if not isinstance(value, str):
        return value
    try:
        words = shlex.split(value)
    except ValueError:
        raise ValueError("a quote is opened and never closed") from None
    if not SHELL_WORDS.isdisjoint(words):
        raise ValueError('no shell reads it: for pipes and the like write [sh, -c, "…"]')
    return words


def _scalar(value: Any) -> Any:
    if not isinstance(value, str | int | float | None):
        raise ValueError("must be text, a number, true, false or null")
    return value


def _path(text: str) -> str:
    json_path.steps(text)
    return text


def _header_name(name: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise ValueError("is no name of a header")
    return name


def _header_value(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x20-\x7e\t]*", value.get_secret_value()):
        raise ValueError("must be one line of ASCII")
    return value


HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[SecretStr, AfterValidator(_header_value)]
Command = Annotated[tuple[SecretStr, ...], BeforeValidator(_words), Field(min_length=1)]
"""Its words may hold a password: no message shows them."""
JsonPath = Annotated[str, AfterValidator(_path)]
JsonValue = Annotated[Any, AfterValidator(_scalar)]


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
    json_: dict[JsonPath, JsonValue] = Field(default_factory=dict, alias="json")
    redirects_to: Text | None = None
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    bearer_file: SecretFile | None = None
    verify_tls: bool = True

    @model_validator(mode="after")
    def _can_be_met(self) -> HttpCheck:
        if self.bearer_file is not None and any(name.lower() == "authorization" for name in self.headers):
            raise ValueError("takes bearer_file or an Authorization header, not both")
        if self.redirects_to is not None and self.status and not REDIRECTING.intersection(self.status):
            raise ValueError("redirects_to needs a status that redirects, 301 for example")
        if (self.contains is not None or self.json_) and self.status and BODILESS.issuperset(self.status):
            raise ValueError("contains and json need a status whose answer has a body")
        return self


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


class CommandCheck(CheckSection):
    """`service` says in which containers, and is required."""

    command: Command
    service: Text


KINDS = ("http", "tcp", "sql", "docker", "command")


def _kind(item: Any) -> str | None:
    given = [kind for kind in KINDS if kind in item] if isinstance(item, dict) else []
    return given[0] if len(given) == 1 else None


AnyCheck = Annotated[
    Annotated[HttpCheck, Tag("http")]
    | Annotated[TcpCheck, Tag("tcp")]
    | Annotated[SqlCheck, Tag("sql")]
    | Annotated[DockerCheck, Tag("docker")]
    | Annotated[CommandCheck, Tag("command")],
    Discriminator(
        _kind,
        custom_error_type="check_kind",
        custom_error_message=f"must be a mapping with exactly one of {', '.join(KINDS)}",
    ),
]
