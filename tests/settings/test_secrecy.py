"""Whatever stands in a configuration, wherever: no message and no repr repeats it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.settings.conftest import Host
from watchdog.errors import ConfigError
from watchdog.settings import load

WEBHOOK = "https://hooks.example.com/services/T0/B0/sesame"

VALID: dict[str, Any] = {
    "state_dir": "/var/lib/ops-watchdog",
    "docker": {"host": "unix:///var/run/docker.sock"},
    "log": {"level": "info", "format": "auto"},
    "slack": {"webhook_url": WEBHOOK},
    "stacks": {
        "shop": {
            "compose": ["COMPOSE"],
            "project": "shop",
            "env_files": [".env"],
            "services": ["backend"],
            "databases": [{"service": "postgres", "name": "shop", "user": "shop", "password_file": "SECRET"}],
            "checks": [
                {
                    "http": "http://127.0.0.1/",
                    "name": "health",
                    "service": "backend",
                    "status": [200],
                    "contains": "ok",
                    "headers": {"X-Token": "sesame"},
                    "bearer_file": "SECRET",
                    "verify_tls": True,
                    "interval": "5s",
                    "severity": "wanted",
                },
                {"tcp": "127.0.0.1:80"},
                {"sql": "select 1", "min": 1, "database": "shop"},
                {"docker": "backend"},
            ],
            "deployment": {"monitor": "10m", "restart_limit": 3},
            "backup": {"directory": "backups", "daily": "02:00", "keep_days": 30, "disk_reserve": "1GiB"},
            "rollback": {"mode": "auto", "database": "auto", "max_data_loss": "15m"},
        }
    },
}

Place = tuple[str | int, ...]


def places(value: Any, path: Place = ()) -> list[Place]:
    """Every place of a value, the sections and lists themselves included."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [place for part, child in inside for place in places(child, (*path, part))]
    return [path, *below] if path else below


def replaced(place: Place, new: Any) -> dict[str, Any]:
    document = copy.deepcopy(VALID)
    value: Any = document
    for part in place[:-1]:
        value = value[part]
    value[place[-1]] = new
    return document


SECRETS = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_", min_size=16, max_size=32
)
ANYWHERE = hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150
)


def message(host: Host, text: str) -> str:
    """What the load objects to. A chained ValidationError would keep the input: there is none."""
    try:
        host.load(text)
    except ConfigError as error:
        caught = error
    else:
        return ""
    assert (caught.__cause__, caught.__context__) == (None, None) or caught.__suppress_context__
    return str(caught)


def test_the_document_above_is_valid(host: Host) -> None:
    assert host.load(json.dumps(VALID)).stacks


WRAPPED: dict[str, Callable[[str], Any]] = {
    "plain": lambda text: text,
    "url": lambda text: "https://" + text,
    "pattern": lambda text: "(" + text,
    "negative": lambda text: "-" + text,
    "list": lambda text: [text],
    "mapping": lambda text: {"name": text},
}
# After '{', ',' or '?' the text would become a key, and keys are named.
INDICATORS = "*&!%@`|>'\"[]}#-:\t"


@ANYWHERE
@given(st.sampled_from(places(VALID)), SECRETS, st.sampled_from(sorted(WRAPPED)))
def test_no_message_repeats_a_value(host: Host, place: Place, secret: str, wrapping: str) -> None:
    document = replaced(place, WRAPPED[wrapping](secret))
    assert secret not in message(host, json.dumps(document))


@ANYWHERE
@given(st.sampled_from(places(VALID)), SECRETS, st.sampled_from(INDICATORS))
def test_no_message_about_broken_yaml_repeats_a_value(
    host: Host, place: Place, secret: str, indicator: str
) -> None:
    text = json.dumps(replaced(place, "HERE")).replace('"HERE"', indicator + secret)
    assert secret not in message(host, text)


def test_an_environment_variables_value_is_not_repeated(host: Host) -> None:
    environ = {
        "OPS_WATCHDOG_SLACK": '{"webhook_url": "sesame"}',
        "OPS_WATCHDOG_SESAM": "sesame",
        "DOCKER_HOST": "sesame",
    }
    assert "sesame" not in "\n".join(host.faults("stacks: {}\n", environ))


def test_no_repr_shows_a_secret(host: Host) -> None:
    configuration = host.load(json.dumps(VALID))
    assert "sesame" not in repr(configuration.settings) + str(configuration.settings)


def test_a_secret_file_is_read_when_it_is_needed(host: Host) -> None:
    file = host.write("webhook", WEBHOOK + "\n")
    text = f"slack: {{webhook_url_file: {file}}}\nstacks: {{shop: {{compose: COMPOSE}}}}\n"
    slack = host.load(text).settings.slack
    assert slack is not None
    assert "sesame" not in repr(slack.webhook())
    assert slack.webhook().get_secret_value() == WEBHOOK
    file.write_text("https://hooks.example.com/changed")
    assert slack.webhook().get_secret_value() == "https://hooks.example.com/changed"


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_a_secret_file_without_a_secret_is_a_fault(host: Host, content: bytes) -> None:
    host.write("webhook", content)
    path = host.root / "webhook"
    (fault,) = host.faults(f"slack: {{webhook_url_file: {path}}}\nstacks: {{shop: {{compose: COMPOSE}}}}\n")
    assert fault.split(": ", 1)[1] in {"is an empty file: put the secret into it", "is not UTF-8 text"}


def test_the_default_path_is_named_where_nothing_else_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=str(tmp_path)):
        load(None, {"OPS_WATCHDOG_CONFIG": str(tmp_path / "none.yaml")})
