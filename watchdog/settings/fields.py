"""The kinds of value a key may have, each with its own wording of what is allowed.

No message repeats the value: any value may be a secret that was put into the wrong place. Files are opened
here, while the configuration is read, so that an unreadable one is reported together with all other faults.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from watchdog.settings.units import DURATION_FORM, LONGEST, SIZE_FORM, parse_duration, parse_size

_STACK_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_HOST_AND_PORT = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):([0-9]{1,5})")


class Section(BaseModel):
    """A part of the configuration: frozen, closed, and silent about its values when it objects."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False)


def _from_text(parse: Callable[[str], Any], form: str) -> Callable[[Any], Any]:
    def validate(value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError(f"must be {form}")
        return parse(value)

    return validate


def _positive(duration: timedelta) -> timedelta:
    if not duration:
        raise ValueError("must be longer than zero")
    return duration


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _time_of_day(value: Any) -> time | None:
    if value in ("off", None):
        return None
    match = _TIME_OF_DAY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a time of day in UTC such as "02:00", or off')
    return time(int(match[1]), int(match[2]))


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return path


def _readable(path: Path) -> Path:
    try:
        with _absolute(path).open("rb") as file:
            file.read(1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except UnicodeError:
        raise ValueError("is not a file name") from None
    return path


def read_secret(path: Path) -> SecretStr:
    """What a secret file holds, without white space around it. Raises ValueError, which quotes nothing."""
    try:
        text = _readable(path).read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    if not text:
        raise ValueError("is an empty file: put the secret into it")
    return SecretStr(text)


def _holding_a_secret(path: Path) -> Path:
    read_secret(path)
    return path


def _holding_a_url(path: Path) -> Path:
    check_url(read_secret(path).get_secret_value())
    return path


def check_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", text):
        raise ValueError("must be a URL that begins with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user or a password: use headers or bearer_file")
    return text


def _secret_url(secret: SecretStr) -> SecretStr:
    check_url(secret.get_secret_value())
    return secret


def _engine_host(text: str) -> str:
    if not re.fullmatch(r"(unix:///|tcp://[^/])\S+", text):
        raise ValueError("must begin with unix:/// or tcp://")
    return text


def _host_and_port(text: str) -> str:
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None or not 0 < int(match[1]) < 65536:
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:5432")
    return text


def _host_name(text: str) -> str:
    """libpq would take a list of hosts and a directory of sockets, and people a URL with a password."""
    if not re.fullmatch(r"[^\s/@,]+", text):
        raise ValueError("must be one host name or address, such as db.internal")
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        place = (
            f" (character {error.pos + 1})" if isinstance(error, re.error) and error.pos is not None else ""
        )
        raise ValueError(f"is not a regular expression{place}") from None
    return text


def _stack_name(name: str) -> str:
    if not _STACK_NAME.fullmatch(name):
        raise ValueError("a stack's name is a-z, 0-9, '-' and '_', at most 63 characters: it names files")
    return name


Text = Annotated[str, Field(min_length=1)]
TextOrNumber = Annotated[str, BeforeValidator(_as_text)]
Identifier = Annotated[str, Field(min_length=1, max_length=63)]  # PostgreSQL cuts names off at 63 bytes
# The upper bounds keep every sum and product of these inside a timedelta's range.
Count = Annotated[int, BeforeValidator(_no_boolean), Field(ge=1, le=10_000)]
Port = Annotated[int, BeforeValidator(_no_boolean), Field(ge=1, le=65_535)]
Days = Annotated[int, BeforeValidator(_no_boolean), Field(ge=1, le=LONGEST.days)]
Status = Annotated[int, BeforeValidator(_no_boolean), Field(ge=100, le=599)]
Number = Annotated[float, BeforeValidator(_no_boolean), Field(allow_inf_nan=False)]
Statuses = Annotated[tuple[Status, ...], BeforeValidator(_as_list)]
DurationOrZero = Annotated[timedelta, BeforeValidator(_from_text(parse_duration, DURATION_FORM))]
Duration = Annotated[DurationOrZero, AfterValidator(_positive)]
Size = Annotated[int, BeforeValidator(_from_text(parse_size, SIZE_FORM))]
TimeOfDay = Annotated[time | None, BeforeValidator(_time_of_day)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
SecretFile = Annotated[Path, AfterValidator(_holding_a_secret)]
ComposeFiles = Annotated[
    tuple[Annotated[Path, AfterValidator(_readable)], ...], BeforeValidator(_as_list), Field(min_length=1)
]
UrlFile = Annotated[Path, AfterValidator(_holding_a_url)]
Url = Annotated[str, AfterValidator(check_url)]
SecretUrl = Annotated[SecretStr, AfterValidator(_secret_url)]
EngineHost = Annotated[str, AfterValidator(_engine_host)]
HostAndPort = Annotated[str, AfterValidator(_host_and_port)]
HostName = Annotated[str, AfterValidator(_host_name)]
Pattern = Annotated[str, AfterValidator(_pattern)]
StackName = Annotated[str, AfterValidator(_stack_name)]
