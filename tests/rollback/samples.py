"""Small makers of backups, deployments and operations: only what a test names differs from the ordinary."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.fakes import MORNING
from tests.stack.samples import release
from watchdog.backup.backup import Backup, Level
from watchdog.clock import timestamp
from watchdog.deploy.deployment import Deployment, Kind, Phase
from watchdog.rollback.operation import Operation
from watchdog.rollback.target import AUTOMATIC


def ago(**units: float) -> datetime:
    """Before the morning on which everything happens."""
    return MORNING - timedelta(**units)


def backup(minutes: float = 1, of: str | None = "1", **fields: Any) -> Backup:
    """A complete backup so many minutes old, of the release of that name."""
    at = ago(minutes=minutes)
    return Backup(
        **{
            "directory": Path("/backups"),
            "timestamp": timestamp(at),
            "at": at,
            "level": Level.COMPLETE,
            "stack": "shop",
            "release": release(of) if of else None,
            **fields,
        }
    )


def deployment(**fields: Any) -> Deployment:
    """The deployment that failed this morning."""
    ordinary = {
        "id": "d1",
        "stack": "shop",
        "kind": Kind.ANNOUNCED,
        "phase": Phase.FAILED,
        "started_at": MORNING,
    }
    return Deployment(**{**ordinary, **fields})


def operation(**fields: Any) -> Operation:
    """An automatic rollback of another deployment, an hour ago."""
    ordinary = {
        "id": "o1",
        "stack": "shop",
        "plan": "full",
        "target_release": "release-1",
        "backup": None,
        "deployment": "d0",
        "actor": AUTOMATIC,
        "reasons": ("api: HTTP 500",),
        "started_at": ago(hours=1),
    }
    return Operation(**{**ordinary, **fields})
