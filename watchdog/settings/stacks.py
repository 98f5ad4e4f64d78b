"""The sections of one stack under `stacks:`. Defaults live with the policies in the domain."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from watchdog.backup.policy import BackupPolicy
from watchdog.deploy.policy import DeploymentPolicy
from watchdog.rollback.policy import DatabasePolicy, Mode, RollbackPolicy
from watchdog.settings.checks import AnyCheck
from watchdog.settings.fields import (
    AbsolutePath,
    ComposeFiles,
    Count,
    Days,
    Duration,
    Identifier,
    SecretFile,
    Section,
    Size,
    Text,
    TimeOfDay,
)

_DEPLOYMENT = DeploymentPolicy()
_BACKUP = BackupPolicy(Path("backups"))
_ROLLBACK = RollbackPolicy()


class DatabaseSection(Section):
    """Without `password_file` the container's own POSTGRES_PASSWORD is used."""

    service: Text
    name: Identifier
    user: Identifier
    password_file: SecretFile | None = None


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


class RollbackSection(Section):
    mode: Mode = _ROLLBACK.mode
    database: DatabasePolicy = _ROLLBACK.database
    max_data_loss: Duration = _ROLLBACK.max_data_loss


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
    maintenance_page: Path | None = None

    @property
    def project_directory(self) -> Path:
        return self.directory or self.compose[0].parent
