"""Prepares the server for a restore: roles that are missing, and a stand-in for a database that is gone.

An emptied cluster (`down -v`) has neither. Part of the step `restore_database`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import saved_globals
from watchdog.database.ground import create_missing_roles, make_placeholder
from watchdog.database.properties import Properties
from watchdog.errors import StepFailed
from watchdog.rollback.run import Run
from watchdog.rollback.steps.databases import cluster_of, pairs

log = structlog.get_logger(__name__)


async def prepare_ground(run: Run, backup: Backup) -> dict[str, Any]:
    """Facts: `created_roles`, and `placeholders`, the databases that did not exist any more."""
    return {"created_roles": await _roles(run, backup), "placeholders": await _placeholders(run, backup)}


async def _roles(run: Run, backup: Backup) -> list[str]:
    """Where they cannot be created, the restore itself tells whether it needs them."""
    created: set[str] = set()
    for database in run.stack.databases:
        try:
            text = await asyncio.to_thread(saved_globals, backup, database.server)
            cluster = await cluster_of(run, database)
            created |= set(await create_missing_roles(cluster, text, [database.name]))
        except StepFailed as error:
            log.warning("roles_not_created", backup=backup.timestamp, reason=str(error))
    return sorted(created)


async def _placeholders(run: Run, backup: Backup) -> list[str]:
    made = []
    for database, pair in pairs(run).items():
        saved = backup.properties(database.name)
        if saved is None:
            continue
        properties, moment = Properties.from_mapping(saved), backup.timestamp
        cluster = await cluster_of(run, database)
        if await make_placeholder(cluster, pair, moment, properties, run.hands.clock):
            made.append(database.name)
    return made
