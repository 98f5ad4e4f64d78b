"""The plan as a person sees it before saying yes: `rollback --plan`. Reads only."""

from __future__ import annotations

from typing import Any

from watchdog.errors import WatchdogError
from watchdog.rollback.plan import PLANS
from watchdog.rollback.run import Hands
from watchdog.rollback.steps.preflight import obstacles
from watchdog.rollback.steps.revert import differs
from watchdog.rollback.target import Target


async def printout(hands: Hands, target: Target, plan: str) -> dict[str, Any]:
    """What would be done, as a JSON-able document; `obstacles` is empty where it could be done now."""
    running = {c.service: c for c in await hands.engine.containers(hands.stack.project) if not c.one_off}
    images = []
    for service in target.release.services:
        container = running.get(service.service)
        if container is None or container.image_id != service.image_id:
            before = container.image_id if container else None
            images.append({"service": service.service, "from": before, "to": service.image_id})
    return {
        "plan": [step.__name__ for step in PLANS[plan]],
        "release": target.release.id,
        "backup": target.backup.timestamp if target.backup else None,
        "backup_at": target.backup.at.isoformat() if target.backup else None,
        "databases": [d.name for d in hands.stack.databases] if plan != "keep database" else [],
        "files": [str(file.path) for file in target.release.files if differs(file)],
        "images": images,
        "not_rolled_back": "volumes other than the database's, external services, caches, mail already sent",
        "obstacles": await _obstacles(hands) if plan != "keep database" else [],
    }


async def _obstacles(hands: Hands) -> list[str]:
    try:
        return list(await obstacles(hands, "plan"))
    except WatchdogError as error:
        return [str(error)]
