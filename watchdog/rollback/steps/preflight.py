"""Step one: is everything there that the rollback needs? Fails before anything is touched."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import check_files, open_dump
from watchdog.database.plain import require_harmless
from watchdog.errors import Refused, StepFailed, WatchdogError
from watchdog.rollback.run import Run
from watchdog.rollback.steps.databases import copies, fenced, obstacles, obstacles_to_return
from watchdog.rollback.steps.recover import obstacles_to_recovery
from watchdog.rollback.steps.rehearse import rehearse
from watchdog.stack import Container, Release, ServiceRelease

REMEMBERED = (
    "id",
    "service",
    "image",
    "image_id",
    "config_hash",
    "state",
    "exit_code",
    "restart_policy",
    "restart_retries",
    "one_off",
)
"""Of each container, for the steps that follow and for the undo. Never its environment: it holds secrets."""

JOURNAL_ROOM = 64 * 1024**2
"""Bytes: steps, copies of files and SQLite's log take a few MiB; a full disk would end a run half-way."""


async def preflight(run: Run) -> dict[str, Any]:
    """Facts: `containers` (what will be stopped, and its restart policies), `databases` (names), `fenced`."""
    for require in (_end_command, _require_room, _bring_images, *REQUIREMENTS):
        await require(run)
    aborts = run.swaps_database and not run.operation.recovers  # only then anybody asks
    return {
        "containers": [_remember(c) for c in await run.containers()],
        "databases": copies(run),
        "fenced": await fenced(run) if aborts else [],
    }


async def lacks(run: Run) -> list[str]:
    """Every reason why preflight would refuse now, found without pulling anything."""
    found = []
    for require in (_require_images, *REQUIREMENTS):
        try:
            await require(run)
        except WatchdogError as error:
            found.append(str(error))
    return found


async def _end_command(run: Run) -> None:
    """What the deployment's command left running would go on deploying beside the rollback: it ends first."""
    if run.operation.deployment is not None:
        await run.hands.commands.end(run.operation.deployment)


async def _bring_images(run: Run) -> None:
    """Each image by ID; a lost one is pulled by digest now, while everything still runs."""
    for service in await _lost_images(run):
        await _pull(run, service)


async def _lost_images(run: Run) -> list[ServiceRelease]:
    if run.operation.keeps_release:
        return []
    _refuse_ambiguous_tags(run.target)
    present = await run.hands.engine.image_ids({service.image_id for service in run.target.services})
    return [service for service in run.target.services if service.image_id not in present]


async def _require_images(run: Run) -> None:
    """Those that no registry is known to give back."""
    if reasons := [_lost(s) for s in await _lost_images(run) if not s.repo_digests]:
        raise Refused("; ".join(reasons))


async def _pull(run: Run, service: ServiceRelease) -> None:
    for digest in service.repo_digests:
        try:
            if await run.hands.engine.pull(digest) == service.image_id:
                return
        except StepFailed:
            continue
    raise Refused(_lost(service))


def _lost(service: ServiceRelease) -> str:
    return (
        f"the image of {service.service}, {service.image} ({service.image_id[:19]}), is no longer on this "
        f"host and no registry gave it back; load or rebuild it, or roll back to another backup "
        f"('ops-watchdog backups list')"
    )


def _refuse_ambiguous_tags(release: Release) -> None:
    meanings: dict[str, set[str]] = {}
    for service in release.services:
        meanings.setdefault(service.image, set()).add(service.image_id)
    if torn := sorted(image for image, ids in meanings.items() if len(ids) > 1):
        raise Refused(
            f"{', '.join(torn)} meant several images at once in release {release.id}: one tag cannot mean "
            f"both again; give the services different tags"
        )


async def _require_files(run: Run) -> None:
    """The target's files are all there, and give what they gave."""
    if run.operation.keeps_release:
        return
    missing = [str(f) for f in run.stack.files if all(f != file.path for file in run.target.files)]
    if missing:
        raise Refused(f"release {run.target.id} holds no copy of {', '.join(missing)}; choose another backup")
    await rehearse(run, run.directory / "target")


async def _require_room(run: Run) -> None:
    if reason := room_for_journal(run.hands.incident_directory, free_bytes(run.hands.incident_directory)):
        raise Refused(reason)


def free_bytes(directory: Path) -> int:
    """Free room on the file system that holds the directory, or will."""
    there = next(path for path in (directory, *directory.parents) if path.exists())
    return shutil.disk_usage(there).free


def room_for_journal(directory: Path, free: int) -> str:
    """Why the run could not be journalled to its end; empty where it can."""
    if free >= JOURNAL_ROOM:
        return ""
    return (
        f"{directory} has {free // 1024**2} MiB free, and the journal of a rollback and the files that it "
        f"displaces need {JOURNAL_ROOM // 1024**2} MiB; make room there"
    )


async def _require_backup(run: Run) -> None:
    if run.backup is not None:
        await asyncio.to_thread(check_files, run.backup)
        await _require_harmless(run, run.backup)


async def _require_harmless(run: Run, backup: Backup) -> None:
    """What a script's dump would do is read now, while everything runs, unless a proof has read it."""
    if backup.format() == "custom" or backup.dumps:
        return
    for database in run.stack.databases:
        try:
            await require_harmless(open_dump(backup, database.name))
        except WatchdogError as error:
            raise type(error)(f"backup {backup.timestamp}: {error}") from error


async def _require_databases(run: Run) -> None:
    found: tuple[str, ...] = ()
    if run.operation.recovers:
        found = await obstacles_to_recovery(run)
    elif run.restores_database:
        found = await obstacles(run.hands, run.operation.id, run.backup)
    elif run.operation.returning:
        found = await obstacles_to_return(run)
    if found:
        raise Refused("; ".join(found))


REQUIREMENTS = (_require_files, _require_backup, _require_databases)
"""What a rollback needs beside images and room for its journal; each raises with all that it misses."""


def _remember(container: Container) -> dict[str, Any]:
    document = asdict(container)
    return {name: document[name] for name in REMEMBERED}
