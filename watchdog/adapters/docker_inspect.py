"""From the engine's inspection JSON to our `Container`: pure, so that every odd shape is one row in a test.

Called by `docker_engine` only. The shape is that of `GET /containers/{id}/json` (API 1.41 to 1.52); the
labels are Compose's, written at creation and never changed afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from watchdog.stack import Container, Dependency, Health, Healthcheck

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
HASH_LABEL = "com.docker.compose.config-hash"
ONE_OFF_LABEL = "com.docker.compose.oneoff"
DEPENDS_ON_LABEL = "com.docker.compose.depends_on"
DEFAULT_CONDITION = "service_started"
DEFAULT_INTERVAL = timedelta(seconds=30)
DEFAULT_RETRIES = 3
"""The engine's own, where a HEALTHCHECK says zero; its start period is zero then.
https://docs.docker.com/reference/dockerfile/#healthcheck"""

Inspection = Mapping[str, Any]
"""One answer of the engine, decoded."""


def container(inspection: Inspection, is_file: Callable[[Path], bool] = Path.is_file) -> Container:
    """What an inspection says, in our words. `is_file` tells mounted files from mounted directories."""
    state = inspection["State"]
    config = inspection["Config"]
    labels = config.get("Labels") or {}
    policy = inspection["HostConfig"].get("RestartPolicy") or {}
    return Container(
        id=inspection["Id"],
        name=inspection["Name"].removeprefix("/"),
        service=labels.get(SERVICE_LABEL, ""),
        image=config["Image"],
        image_id=inspection["Image"],
        config_hash=labels.get(HASH_LABEL, ""),
        state=state["Status"],
        created_at=_required_instant(inspection["Created"]),
        started_at=instant(state.get("StartedAt")),
        finished_at=instant(state.get("FinishedAt")),
        exit_code=state.get("ExitCode", 0),
        out_of_memory=bool(state.get("OOMKilled")),
        health=_health(state),
        healthcheck=_healthcheck(config.get("Healthcheck") or {}),
        restart_count=inspection.get("RestartCount", 0),
        restart_policy=policy.get("Name") or "no",
        restart_retries=policy.get("MaximumRetryCount", 0),
        one_off=labels.get(ONE_OFF_LABEL, "").lower() == "true",
        depends_on=dependencies(labels.get(DEPENDS_ON_LABEL, "")),
        mounted_files=_mounted_files(inspection.get("Mounts") or (), is_file),
        addresses=_addresses(inspection.get("NetworkSettings") or {}),
        host_network=inspection["HostConfig"].get("NetworkMode") == "host",
        environment=tuple(_assignment(line) for line in config.get("Env") or ()),
    )


def dependencies(label: str) -> tuple[Dependency, ...]:
    """`db:service_healthy:false,migrate:service_completed_successfully:true`, the condition optional."""
    parts = (entry.split(":") for entry in label.split(",") if entry)
    return tuple(Dependency(part[0], part[1] if len(part) > 1 else DEFAULT_CONDITION) for part in parts)


def instant(text: str | None) -> datetime | None:
    """The engine's RFC 3339 instants; its year 1 means never. Nanoseconds are cut to microseconds."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text)


def _required_instant(text: str) -> datetime:
    moment = instant(text)
    if moment is None:
        raise ValueError(f"not an instant: {text}")
    return moment


def _health(state: Inspection) -> Health:
    status = (state.get("Health") or {}).get("Status")
    return Health(status) if status in set(Health) else Health.NONE


def _healthcheck(declared: Inspection) -> Healthcheck | None:
    """Its durations are nanoseconds; `NONE` takes away what the image declares."""
    test = declared.get("Test") or ["NONE"]
    if test[0] == "NONE":
        return None
    return Healthcheck(
        interval=_nanoseconds(declared.get("Interval")) or DEFAULT_INTERVAL,
        start_period=_nanoseconds(declared.get("StartPeriod")),
        retries=declared.get("Retries") or DEFAULT_RETRIES,
    )


def _nanoseconds(number: int | None) -> timedelta:
    return timedelta(microseconds=(number or 0) / 1000)


def _mounted_files(mounts: Any, is_file: Callable[[Path], bool]) -> tuple[Path, ...]:
    sources = {Path(mount["Source"]) for mount in mounts if mount.get("Type") == "bind"}
    return tuple(sorted(source for source in sources if is_file(source)))


def _addresses(settings: Inspection) -> tuple[str, ...]:
    networks = settings.get("Networks") or {}
    return tuple(address for network in networks.values() if (address := network.get("IPAddress")))


def _assignment(line: str) -> tuple[str, str]:
    name, _, value = line.partition("=")
    return name, value
