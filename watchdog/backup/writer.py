"""Takes a backup: dumps, globals, configuration and container states under one timestamp, the manifest last.

Called before every deployment, by the schedule and by `ops-watchdog backup`. Whatever goes wrong, nothing is
left that looks like a backup.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from watchdog.backup.backup import Backup, DatabaseDump, Level
from watchdog.backup.dumping import dump_to
from watchdog.backup.files import (
    LATEST,
    NewSet,
    disk_errors,
    dump_name,
    globals_name,
    manifest_name,
    replace_file,
    require_room,
)
from watchdog.backup.instructions import instructions
from watchdog.backup.manifest import config_name, from_json, to_json
from watchdog.backup.policy import GIBIBYTE, Hashing
from watchdog.backup.ports import Dumper
from watchdog.clock import Clock
from watchdog.errors import Unreachable
from watchdog.stack import Container, Database, Release, Stack


async def take(
    stack: Stack,
    release: Release | None,
    containers: Sequence[Container],
    dumpers: Mapping[str, Dumper],
    directory: Path,
    *,
    clock: Clock,
    reason: str,
    disk_reserve: int = GIBIBYTE,
    hashes: Hashing = "auto",
    progress: Callable[[str], None] = lambda _: None,
) -> Backup:
    """Write a complete backup, or none. `dumpers` by database name; `disk_reserve` in bytes must stay free.

    Several databases are dumped one after another: their dumps are not consistent with each other. Raises
    `Refused` before anything is written, `StepFailed` or `Unreachable` with everything removed again.
    """
    began = clock.monotonic()
    _require_databases(stack, containers)
    require_room(directory, disk_reserve)
    async with _new_set(directory, clock) as new:
        dumps = [
            await _dump(new, stack, database, dumpers[database.name], hashes, progress)
            for database in stack.databases
        ]
        await _globals(new, stack, dumpers)
        _configuration(new, release, progress)
        new.add(f"containers_{new.timestamp}.txt", _containers_text(containers).encode())
        backup = Backup(
            directory=directory,
            timestamp=new.timestamp,
            at=new.at,
            level=Level.COMPLETE,
            stack=stack.name,
            reason=reason,
            files=tuple(new.entries),
            dumps=tuple(dumps),
            release=release,
        )
        text = instructions(backup, stack, containers, dumpers)
        new.add(f"RESTORE_{new.timestamp}.txt", text.encode())
        backup = replace(backup, files=tuple(new.entries), seconds=clock.monotonic() - began)
        manifest = to_json(backup)
        backup = from_json(manifest, directory)  # as it will be found: what cannot be read back is no backup
        new.add(manifest_name(new.timestamp), manifest)
    with disk_errors(directory):
        replace_file(directory / LATEST, f"{backup.timestamp}\n".encode())
    return backup


@asynccontextmanager
async def _new_set(directory: Path, clock: Clock) -> AsyncIterator[NewSet]:
    with disk_errors(directory):
        new = NewSet(directory, clock.now())
        try:
            yield new
        except BaseException:
            new.discard()
            raise


async def _dump(
    new: NewSet,
    stack: Stack,
    database: Database,
    dumper: Dumper,
    hashes: Hashing,
    progress: Callable[[str], None],
) -> DatabaseDump:
    progress(f"dumping database {database.name}")
    name = dump_name(new.timestamp, database.name if len(stack.databases) > 1 else None)
    entry, found = await dump_to(new.partial(name), name, dumper, database.name, hashes=hashes)
    new.finish(entry)
    size = f"{entry.size_bytes / 1024**2:.1f} MiB"
    progress(f"dumped database {database.name}: {size}, hashes: {found.contents.hashes}")
    return DatabaseDump(database.name, database.server, name, found)


async def _globals(new: NewSet, stack: Stack, dumpers: Mapping[str, Dumper]) -> None:
    first = {database.server: dumpers[database.name] for database in reversed(stack.databases)}
    for server, dumper in sorted(first.items()):
        name = globals_name(new.timestamp, server if len(first) > 1 else None)
        new.add(name, (await dumper.globals()).encode())


def _configuration(new: NewSet, release: Release | None, progress: Callable[[str], None]) -> None:
    if release is None:
        progress("what runs could not be captured: this backup holds no configuration and no images")
        return
    for index, file in enumerate(release.files):
        new.add(config_name(new.timestamp, index, file.path), file.content)


def _require_databases(stack: Stack, containers: Sequence[Container]) -> None:
    running = {c.service for c in containers if c.running and not c.one_off}
    for database in stack.databases:
        if database.service is not None and database.service not in running:
            raise Unreachable(
                f"service {database.service} with database {database.name} does not run, so it cannot be"
                f" dumped; start it with 'docker compose start {database.service}'"
            )


def _containers_text(containers: Sequence[Container]) -> str:
    """For people, like `docker ps`: what ran from which image."""
    rows = [("SERVICE", "NAME", "STATE", "IMAGE", "IMAGE ID", "CREATED")]
    rows += [
        (c.service, c.name, c.state, c.image, c.image_id, c.created_at.strftime("%Y-%m-%d %H:%M:%S %Z"))
        for c in sorted(containers, key=lambda c: (c.service, c.name))
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines) + "\n"
