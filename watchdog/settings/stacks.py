"""The sections of one stack under `stacks:`. Defaults live with the policies in the domain."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from watchdog.alert.alarm import Rhythm
from watchdog.backup.policy import BackupPolicy, Hashing
from watchdog.deploy.policy import DeploymentPolicy
from watchdog.rollback.policy import DatabasePolicy, Mode, RollbackPolicy, StandbyPolicy
from watchdog.settings.checks import AnyCheck
from watchdog.settings.fields import (
    AbsolutePath,
    ComposeFiles,
    Count,
    Days,
    Duration,
    HostName,
    Identifier,
    Port,
    SecretFile,
    Section,
    Size,
    Text,
    TimeOfDay,
)
from watchdog.stack import Database

_DEPLOYMENT = DeploymentPolicy()
_BACKUP = BackupPolicy(Path("backups"))
_ROLLBACK = RollbackPolicy()
_RHYTHM = Rhythm()
EVERY = "*"
"""Under `on_unhealthy`: each service that is not named, but the databases' own."""


def _by_service(value: Any) -> Any:
    """One word means every service."""
    if not isinstance(value, str):
        return value
    if value not in ("none", "restart"):
        raise ValueError("must be none or restart, or a mapping of services to one of both")
    return {EVERY: value}


def _some(pauses: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
    if not pauses:
        raise ValueError("must not be empty")
    return pauses


OnUnhealthyWords = Annotated[dict[Text, Literal["none", "restart"]], BeforeValidator(_by_service)]
Pauses = Annotated[tuple[Duration, ...], AfterValidator(_some)]


class DatabaseSection(Section):
    """On a service of the stack, whose POSTGRES_PASSWORD is used without `password_file`, or on a `host`."""

    service: Text | None = None
    host: HostName | None = None
    port: Port = 5432
    name: Identifier
    user: Identifier
    password_file: SecretFile | None = None
    free_space: Size | None = None

    @model_validator(mode="after")
    def _one_server(self) -> DatabaseSection:
        if (self.service is None) == (self.host is None):
            raise ValueError("needs exactly one of service, host")
        if self.service is not None and self.model_fields_set & {"port", "free_space"}:
            raise ValueError("port and free_space are for a host: a service's own are found out")
        return self

    def declared(self) -> Database:
        server = (self.host, self.port, self.free_space)
        return Database(self.service, self.name, self.user, self.password_file, *server)


class DeploymentSection(Section):
    min_healthy_time: Duration = _DEPLOYMENT.min_healthy_time
    healthy_deadline: Duration = _DEPLOYMENT.healthy_deadline
    monitor: Duration = _DEPLOYMENT.monitor
    restart_limit: Count = _DEPLOYMENT.restart_limit
    command_timeout: Duration = _DEPLOYMENT.command_timeout


class BackupSection(Section):
    """`directory`, if relative, lies in the stack's directory."""

    directory: Path = _BACKUP.directory
    daily: TimeOfDay = _BACKUP.daily
    keep_days: Days = _BACKUP.keep.days
    min_keep: Count = _BACKUP.min_keep
    compress_after: Duration = _BACKUP.compress_after
    disk_reserve: Size = _BACKUP.disk_reserve
    hashes: Hashing = _BACKUP.hashes


class RollbackSection(Section):
    mode: Mode = _ROLLBACK.mode
    approve_within: Duration = _ROLLBACK.approve_within
    database: DatabasePolicy = _ROLLBACK.database
    max_data_loss: Duration = _ROLLBACK.max_data_loss
    standby: StandbyPolicy = _ROLLBACK.standby
    standby_max_size: Size = _ROLLBACK.standby_max_size
    keep_displaced: Duration = _ROLLBACK.keep_displaced


class AlertsSection(Section):
    """`remind`: the pauses before the reminders of what lasts; the last one for ever after."""

    remind: Pauses = _RHYTHM.remind


class StackSection(Section):
    """One stack. Relative paths, but `compose`'s, start at `directory`, by default the first file's."""

    compose: ComposeFiles
    directory: AbsolutePath | None = None
    project: Text | None = None
    env_files: tuple[Path, ...] = ()
    config_files: tuple[Path, ...] = ()
    services: tuple[Text, ...] = ()
    migrations: tuple[Text, ...] = ()
    databases: tuple[DatabaseSection, ...] = ()
    checks: tuple[AnyCheck, ...] = ()
    deployment: DeploymentSection = Field(default_factory=DeploymentSection)
    backup: BackupSection = Field(default_factory=BackupSection)
    rollback: RollbackSection = Field(default_factory=RollbackSection)
    alerts: AlertsSection = Field(default_factory=AlertsSection)
    on_unhealthy: OnUnhealthyWords = Field(default_factory=dict)
    maintenance_page: Path | None = None

    @property
    def project_directory(self) -> Path:
        return self.directory or self.compose[0].parent
