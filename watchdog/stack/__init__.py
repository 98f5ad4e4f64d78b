"""The stack under guard: what the operator declared, what runs, and the release that both make up."""

from watchdog.stack.container import Container, Dependency, Health, Healthcheck
from watchdog.stack.contents import Contents, TableCount
from watchdog.stack.event import Event
from watchdog.stack.ports import Engine, Events, Orchestrator
from watchdog.stack.release import ConfigFile, Release, ServiceRelease
from watchdog.stack.stack import Database, Stack

__all__ = [
    "ConfigFile",
    "Container",
    "Contents",
    "Database",
    "Dependency",
    "Engine",
    "Event",
    "Events",
    "Health",
    "Healthcheck",
    "Orchestrator",
    "Release",
    "ServiceRelease",
    "Stack",
    "TableCount",
]
