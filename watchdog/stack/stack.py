"""What the operator declares about one stack; everything else is read off the running containers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Database:
    """One PostgreSQL database of the stack, on a server that is one of its services, or outside of it.

    Attributes:
        service: Which of the stack's services is the server; None where `host` and `port` say where it is.
        password_file: None where the container's own POSTGRES_PASSWORD (or …_FILE) is to be used.
        free_space: Bytes that a server outside may use beside the database: it cannot be seen from here.
    """

    service: str | None
    name: str
    user: str
    password_file: Path | None = None
    host: str | None = None
    port: int = 5432
    free_space: int | None = None

    @property
    def server(self) -> str:
        """What people call its server: databases of one server are swapped together."""
        if self.service is not None:
            return self.service
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Stack:
    """One project under guard. A stack without a database is a stack too.

    Attributes:
        name: What the operator calls it; names its state, its lock and its alerts.
        project: The project's name as the orchestrator labels its containers.
        directory: The project directory: relative paths in the files start here.
        files: The files that define the project, in order (compose file and overrides).
        env_files: Files given to the orchestrator as `--env-file`; empty means its default (`.env`).
        config_files: Further files that belong to a release (mounted configuration and the like).
        services: The services to stop and roll back; empty means every service but the databases' own.
        databases: What is restored, all of it in one swap.
        migrations: Services whose exit code decides, beside those that others wait for to complete.
    """

    name: str
    project: str
    directory: Path
    files: tuple[Path, ...]
    env_files: tuple[Path, ...] = ()
    config_files: tuple[Path, ...] = ()
    services: tuple[str, ...] = ()
    databases: tuple[Database, ...] = ()
    migrations: tuple[str, ...] = ()

    @property
    def database_services(self) -> frozenset[str]:
        return frozenset(d.service for d in self.databases if d.service is not None)
