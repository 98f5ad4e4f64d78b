"""Overrides from the environment: `OPS_WATCHDOG_SLACK__WEBHOOK_URL` is the key `slack.webhook_url`.

pydantic-settings takes the names apart and reads lists and mappings as JSON; the variables are those of a
mapping that is passed in, and where a value came from is kept for the messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

from watchdog.settings.document import KeyPath
from watchdog.settings.fault import Fault, suggestion
from watchdog.settings.sections import Settings

PREFIX = "OPS_WATCHDOG_"
CONFIG = PREFIX + "CONFIG"
_NESTED = "__"
_DOCKER_HOST = "DOCKER_HOST"


@dataclass(frozen=True, slots=True)
class Overrides:
    """Nested values, and for each overridden key the variable that it came from."""

    values: dict[str, Any]
    variables: Mapping[KeyPath, str]


def overrides(environ: Mapping[str, str]) -> Overrides:
    """What the environment sets, unknown sections left out (`unknown_variables` finds those)."""
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX) and name != CONFIG}
    return Overrides(_Source(ours)(), {_path(name): name for name in ours})


def unknown_variables(environ: Mapping[str, str]) -> list[Fault]:
    """Variables of ours whose first part is no section: pydantic-settings would ignore them in silence."""
    faults = []
    for name in sorted(environ):
        section = str(_path(name)[0]) if name.startswith(PREFIX) and name != CONFIG else None
        if section is not None and section not in Settings.model_fields:
            text = suggestion(section, (*Settings.model_fields, "config"))
            faults.append(Fault(f"environment variable {name}", section, text))
    return faults


def with_docker_host(values: dict[str, Any], found: Overrides, environ: Mapping[str, str]) -> Overrides:
    """Where neither file nor override names the engine, DOCKER_HOST does, as for every other tool."""
    given = values.get("docker")
    host = environ.get(_DOCKER_HOST)
    if not host or (given is not None and (not isinstance(given, dict) or "host" in given)):
        return found
    if "docker" in found.values:
        return found
    return Overrides(
        {**found.values, "docker": {"host": host}}, {**found.variables, ("docker", "host"): _DOCKER_HOST}
    )


def merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`, mapping by mapping; anything else replaces."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def _path(name: str) -> KeyPath:
    return tuple(name.removeprefix(PREFIX).lower().split(_NESTED))


class _Source(EnvSettingsSource):
    """pydantic-settings' own source, reading the given variables instead of the process's."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(Settings, case_sensitive=False)
        self.env_vars = {name.lower(): value for name, value in variables.items()}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        # Text where a list or mapping belongs is the model's to refuse: it knows the key and reports it
        # together with every other fault.
        try:
            return json.loads(value)
        except ValueError:
            return value
