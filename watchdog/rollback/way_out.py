"""The way out of a held rollback: what is fenced, and the exact commands, for its alert and its incident."""

from __future__ import annotations

import asyncio
import shlex
from datetime import timedelta

from watchdog.database import sql
from watchdog.database.names import control_database
from watchdog.errors import WatchdogError
from watchdog.rollback.run import Run
from watchdog.stack import Database

LIMIT = timedelta(seconds=5)
"""For one database to say whether it is fenced: the alert waits for it."""


async def way_out(run: Run, restored: bool) -> tuple[str, ...]:
    """Sentences. `restored`: the backup stands swapped in, so that going on keeps the database."""
    lines = []
    for database in run.stack.databases:
        try:
            async with asyncio.timeout(LIMIT.total_seconds()):
                fenced = await _fenced(run, database)
        except (WatchdogError, OSError) as error:
            lines.append(f"Database {database.name} does not say whether it is fenced: {error}.")
            fenced = True
        else:
            lines += [f"Database {database.name} is fenced: nobody can connect to it."] if fenced else []
        if fenced:
            lines.append(f"To open it by hand, once what runs fits its schema: {open_command(run, database)}")
    return (f"To go on: {go_on_command(run, restored)}", *lines)


def go_on_command(run: Run, restored: bool) -> str:
    """The rollback again, to the same pair; it lifts the fence when images and files match.

    Where only the database was exchanged, what is left to do is to start what was stopped.
    """
    operation, argv = run.operation, ["ops-watchdog", "rollback", "--yes", "--stack", run.stack.name]
    if operation.keeps_release and restored:
        return shlex.join(["docker", "compose", "--project-name", run.stack.project, "start"])
    if operation.undoes is not None:
        return shlex.join([*argv, "--undo", operation.undoes])
    if run.backup is not None:
        argv += ["--backup-timestamp", run.backup.timestamp]
    if operation.keeps_release:
        argv.append("--database-only")
    elif restored or operation.backup is None:
        argv.append("--keep-database")
    return shlex.join(argv)


def open_command(run: Run, database: Database) -> str:
    """psql where the server is, from another database: a fenced one lets nobody in."""
    if database.service is not None:
        psql = ["docker", "compose", "--project-name", run.stack.project, "exec", database.service, "psql"]
    else:
        psql = ["psql", "-h", str(database.host), "-p", str(database.port)]
    statement = sql.allow_connections(database.name, True)
    within = control_database([database.name])
    return shlex.join([*psql, "-U", database.user, "-d", within, "-c", statement])


async def _fenced(run: Run, database: Database) -> bool:
    cluster = await run.hands.clusters.of(database, run.operation.id)
    async with cluster.connect(control_database([database.name])) as session:
        return any(not open_now for _, open_now in await session.rows(sql.databases_named([database.name])))
