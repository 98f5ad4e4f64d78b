"""From the sections of a valid configuration to the domain's own values. Pure; called by `load` only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from watchdog.alert.alarm import Rhythm
from watchdog.backup.policy import BackupPolicy
from watchdog.deploy.policy import DeploymentPolicy
from watchdog.health.check import Check, Command, EngineHealth, Http, Probe, Sql, Tcp
from watchdog.health.remedy import OnUnhealthy
from watchdog.rollback.policy import RollbackPolicy
from watchdog.settings.checks import AnyCheck, CommandCheck, DockerCheck, HttpCheck, SqlCheck, TcpCheck
from watchdog.settings.stacks import EVERY, BackupSection, StackSection
from watchdog.stack import Database, Stack

FOLLOWING = frozenset({"interval", "start_period", "failure_threshold"})
"""What a `docker` check takes from the HEALTHCHECK, where the operator says nothing else."""


@dataclass(frozen=True, slots=True)
class StackSettings:
    """Everything the daemon needs to guard one stack."""

    stack: Stack
    checks: tuple[Check, ...]
    deployment: DeploymentPolicy
    backup: BackupPolicy
    rollback: RollbackPolicy
    alarms: Rhythm = field(default_factory=Rhythm)
    on_unhealthy: OnUnhealthy = field(default_factory=OnUnhealthy)
    maintenance_page: Path | None = None


def build_stack(name: str, section: StackSection, detected_project: str) -> StackSettings:
    """One stack; `detected_project` is what Compose would call it, used where the section names none."""
    directory = section.project_directory
    databases = tuple(database.declared() for database in section.databases)
    stack = Stack(
        name=name,
        project=section.project or detected_project,
        directory=directory,
        files=section.compose,
        env_files=tuple(directory / path for path in section.env_files),
        config_files=tuple(directory / path for path in section.config_files),
        services=section.services,
        databases=databases,
        migrations=section.migrations,
    )
    return StackSettings(
        stack=stack,
        checks=build_checks(section.checks, databases),
        deployment=DeploymentPolicy(**section.deployment.model_dump()),
        backup=_backup(section.backup, directory),
        rollback=RollbackPolicy(**section.rollback.model_dump()),
        alarms=Rhythm(remind=section.alerts.remind),
        on_unhealthy=_on_unhealthy(section, stack),
        maintenance_page=directory / section.maintenance_page if section.maintenance_page else None,
    )


def build_checks(sections: Iterable[AnyCheck], databases: tuple[Database, ...]) -> tuple[Check, ...]:
    """The checks, each with a name of its own: a derived one that is taken gets a number."""
    checks: list[Check] = []
    taken: set[str] = set()
    for section in sections:
        probe = _probe(section, databases)
        name = section.name or _unused(_derived_name(probe), taken)
        taken.add(name)
        checks.append(_check(name, section, probe))
    return tuple(checks)


def database_of(section: SqlCheck, databases: tuple[Database, ...]) -> Database | None:
    """The database a query is for: the named one, or the only one."""
    wanted = [d for d in databases if section.database in (None, d.name)]
    return wanted[0] if len(wanted) == 1 else None


def _check(name: str, section: AnyCheck, probe: Probe) -> Check:
    return Check(
        name=name,
        probe=probe,
        service=section.service or _service(probe),
        severity=section.severity,
        interval=section.interval,
        timeout=section.timeout,
        start_period=section.start_period,
        failure_threshold=section.failure_threshold,
        success_threshold=section.success_threshold,
        follows=FOLLOWING - section.model_fields_set if isinstance(probe, EngineHealth) else frozenset(),
    )


def _probe(section: AnyCheck, databases: tuple[Database, ...]) -> Probe:
    match section:
        case HttpCheck():
            return _http(section)
        case TcpCheck():
            host, _, port = section.tcp.rpartition(":")
            return Tcp(host.strip("[]"), int(port))
        case SqlCheck():
            database = database_of(section, databases)
            assert database is not None, "checked by consistency.findings"
            return Sql(section.sql, database, section.min, section.equals)
        case DockerCheck():
            return EngineHealth(section.docker)
        case CommandCheck():
            return Command(section.service, tuple(word.get_secret_value() for word in section.command))


def _http(section: HttpCheck) -> Http:
    return Http(
        url=section.http,
        statuses=section.status,
        contains=section.contains,
        json=tuple(section.json_.items()),
        redirects_to=section.redirects_to,
        headers=tuple((name, value.get_secret_value()) for name, value in section.headers.items()),
        bearer_file=section.bearer_file,
        verify_tls=section.verify_tls,
    )


def _service(probe: Probe) -> str | None:
    match probe:
        case Sql(database=database):
            return database.service
        case EngineHealth(service=service) | Command(service=service):
            return service
        case _:
            return None


def _derived_name(probe: Probe) -> str:
    match probe:
        case Http(url=url):
            parts = urlsplit(url)  # the query may hold a token: it stays out of every message
            return parts.netloc + parts.path.rstrip("/")
        case Tcp(host=host, port=port):
            return f"{host}:{port}"
        case Sql(database=database):
            return f"sql {database.name}"
        case EngineHealth(service=service):
            return f"docker {service}"
        case Command(service=service):
            return f"command {service}"


def _unused(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name} ({number})"
    return candidate


def _on_unhealthy(section: StackSection, stack: Stack) -> OnUnhealthy:
    """A service's own word counts more than that for every one."""
    words = {service: word == "restart" for service, word in section.on_unhealthy.items()}
    every = words.pop(EVERY, False)
    wanted = frozenset(service for service, restarts in words.items() if restarts)
    return OnUnhealthy(wanted, every, frozenset(words) - wanted | stack.database_services)


def _backup(section: BackupSection, directory: Path) -> BackupPolicy:
    return BackupPolicy(
        directory=directory / section.directory,
        daily=section.daily,
        keep=timedelta(days=section.keep_days),
        min_keep=section.min_keep,
        compress_after=section.compress_after,
        disk_reserve=section.disk_reserve,
        hashes=section.hashes,
    )
