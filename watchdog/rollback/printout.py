"""The plan as a person sees it before saying yes: `rollback --plan`. Reads only."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from watchdog.backup.backup import Backup
from watchdog.rollback.foresight import foresee
from watchdog.rollback.operate import Request
from watchdog.rollback.operation import KEEPS_DATABASE, KEEPS_RELEASE, Operation
from watchdog.rollback.outlook import outlook
from watchdog.rollback.plan import PLANS
from watchdog.rollback.run import Hands, Run
from watchdog.rollback.steps.preflight import free_bytes, lacks, room_for_journal
from watchdog.rollback.steps.revert import differs, surplus
from watchdog.rollback.target import Target


async def printout(hands: Hands, request: Request) -> dict[str, Any]:
    """What would be done, as a JSON-able document; `obstacles` is empty where it could be done now."""
    target, plan = request.target, request.plan
    backup = target.backup if plan not in KEEPS_DATABASE else None
    keeps_release = plan in KEEPS_RELEASE
    displaces, unknown = await foresee(hands, backup)
    return {
        "plan": [step.__name__ for step in PLANS[plan]],
        "release": target.release.id or None,
        "undoes": request.undoes,
        "why": request.why,
        "backup_chosen": target.backup.timestamp if target.backup else None,
        "backup": target.backup.timestamp if target.backup else None,
        "backup_at": target.backup.at.isoformat() if target.backup else None,
        "backup_age": age_words(hands.clock.now() - target.backup.at) if target.backup else None,
        "databases": [d.name for d in hands.stack.databases if backup or d.name in request.returning],
        "returning": dict(request.returning),
        "displaces": [asdict(table) for table in displaces],
        "displaces_unknown": [*unknown, *_written_since(request)],
        "outlook": await _outlook(hands, backup),
        "files": [] if keeps_release else [str(f.path) for f in target.release.files if differs(f)],
        "images": [] if keeps_release else await _images(hands, target),
        "notes": list(target.notes),
        "moved_away": [] if keeps_release else [str(p) for p in surplus(hands.stack, target.release)],
        "not_rolled_back": "volumes other than the database's, external services, caches, mail already sent",
        "obstacles": await _obstacles(hands, request, backup),
    }


def _written_since(request: Request) -> list[str]:
    """An undo displaces in turn what came in since the rollback; it is counted only afterwards."""
    told = f"all that was written since rollback {request.undoes}, kept aside and counted afterwards"
    return [f"{name}: {told}" for name in request.returning]


async def _outlook(hands: Hands, backup: Backup | None) -> list[dict[str, Any]]:
    if backup is None:
        return []
    return [asdict(await outlook(hands, backup, database)) for database in hands.stack.databases]


async def _images(hands: Hands, target: Target) -> list[dict[str, str | None]]:
    running = {c.service: c for c in await hands.engine.containers(hands.stack.project) if not c.one_off}
    images: list[dict[str, str | None]] = []
    for service in target.release.services:
        container = running.get(service.service)
        if container is None or container.image_id != service.image_id:
            before = container.image_id if container else None
            images.append({"service": service.service, "from": before, "to": service.image_id})
    return images


def age_words(age: timedelta) -> str:
    """`3 min`, `5.2 h`, `9 days`: how much would be displaced, at a glance."""
    minutes = age.total_seconds() / 60
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 48 * 60 else f"{age.days} days"


async def _obstacles(hands: Hands, request: Request, backup: Backup | None) -> list[str]:
    """All that preflight would refuse for; its copies of the files are made elsewhere and removed again."""
    room = room_for_journal(hands.incident_directory, free_bytes(hands.incident_directory))
    with TemporaryDirectory(prefix="ops-watchdog-plan-") as directory:
        now, stack, release = hands.clock.now(), hands.stack.name, request.target.release
        stamp = backup.timestamp if backup else None
        imagined = Operation("plan", stack, request.plan, release.id, stamp, None, "", (), now)
        imagined = replace(imagined, returning=request.returning)
        there = replace(hands, incident_directory=Path(directory))
        found = await lacks(Run(there, imagined, release, backup, {}))
    return [room, *found] if room else found
