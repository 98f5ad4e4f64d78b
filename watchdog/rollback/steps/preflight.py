"""Step one: is everything there that the rollback needs? Fails before anything is touched."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from watchdog.backup.catalogue import check_files
from watchdog.clock import timestamp
from watchdog.database.facts import blockers, inspect
from watchdog.database.names import displaced_name, side_name
from watchdog.errors import Refused, StepFailed
from watchdog.rollback.run import Hands, Run
from watchdog.rollback.steps.revert import lay_out_copies
from watchdog.stack import Container, Release, ServiceRelease


async def preflight(run: Run) -> dict[str, Any]:
    """Facts: `containers` (what will be stopped, and its restart policies), `databases` (names)."""
    await _require_images(run)
    await _require_files(run)
    if run.backup is not None:
        await asyncio.to_thread(check_files, run.backup)
    databases = {}
    if run.restores_database:
        if found := await obstacles(run.hands, run.operation.id):
            raise Refused("; ".join(found))
        databases = _names(run)
    return {"containers": [_remember(c) for c in await run.containers()], "databases": databases}


async def _require_images(run: Run) -> None:
    """Each image by ID; a lost one is pulled by digest now, while everything still runs."""
    _refuse_ambiguous_tags(run.target)
    wanted = {service.image_id for service in run.target.services}
    present = await run.hands.engine.image_ids(wanted)
    for service in run.target.services:
        if service.image_id not in present:
            await _pull(run, service)


async def _pull(run: Run, service: ServiceRelease) -> None:
    for digest in service.repo_digests:
        try:
            if await run.hands.engine.pull(digest) == service.image_id:
                return
        except StepFailed:
            continue
    raise Refused(
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
    """The target's files parse, tried on copies.

    Where the failed release took away a file that they refer to, only the revert can prove them.
    """
    missing = [str(f) for f in run.stack.files if all(f != file.path for file in run.target.files)]
    if missing:
        raise Refused(f"release {run.target.id} holds no copy of {', '.join(missing)}; choose another backup")
    copies = run.directory / "target"
    lay_out_copies(run.target.files, copies)
    if all(file.path.exists() for file in run.target.files):
        await run.hands.orchestrator.parse(run.stack, copies)


async def obstacles(hands: Hands, operation: str) -> tuple[str, ...]:
    """Everything that stands against a restore of the stack's databases now, each with its remedy.

    Asked by preflight, by `status` and by `rollback --plan`. Raises `Unreachable` where the server is down.
    """
    found: list[str] = []
    containers = await hands.engine.containers(hands.stack.project)
    inside = [address for container in containers for address in container.addresses]
    for database in hands.stack.databases:
        cluster = await hands.clusters.of(database, operation)
        facts = await inspect(cluster, database.name, inside)
        if facts is None:
            found.append(f"database {database.name} does not exist in service {database.service}")
        else:
            found += blockers(facts, await cluster.free_bytes())
    return tuple(found)


def _names(run: Run) -> dict[str, dict[str, str]]:
    """Database to the names that its copies will have: fixed here, so that a repeat uses the same ones."""
    moment = timestamp(run.operation.started_at)
    return {
        database.name: {
            "side": side_name(database.name, moment),
            "displaced": displaced_name(database.name, moment),
        }
        for database in run.stack.databases
    }


def _remember(container: Container) -> dict[str, Any]:
    kept = ("id", "service", "image_id", "state", "restart_policy", "restart_retries", "one_off")
    document = asdict(container)
    return {name: document[name] for name in kept}
