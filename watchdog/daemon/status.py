"""What `ops-watchdog status` shows of a stack: one JSON-able document, and whether it is armed."""

from __future__ import annotations

from typing import Any

from watchdog.backup.catalogue import catalogue
from watchdog.daemon import approving, pausing
from watchdog.daemon.arming import why_unarmed
from watchdog.daemon.guard import Guard
from watchdog.daemon.recalling import what_failed
from watchdog.health.check import Severity
from watchdog.health.rhythm import blind_spots
from watchdog.health.streak import CheckState
from watchdog.rollback.displaced import taken_back
from watchdog.rollback.suspension import holding
from watchdog.stack import Container

FAR_BACK = 100
"""Operations among which the undo that took a displaced database back is looked for."""


async def look_first(guard: Guard) -> None:
    """A command without a daemon has not looked yet when it asks."""
    if guard.watch.looked_at is None:
        await guard.tools.ledger.seen(guard.name)  # an unusable state is told here; the guard waits for it
        await guard.desk.ask(guard.looker.look)
        await guard.capturer.done()


async def status(guard: Guard) -> dict[str, Any]:
    """Everything that an operator asks first."""
    watch, settings, now = guard.watch, guard.tools.settings, guard.tools.hands.clock.now()
    reasons = await why_unarmed(guard.desk)
    return {
        "stack": guard.name,
        "armed": not reasons,
        "why_not": list(reasons),
        "blind_spots": _blind_spots(guard),
        "mode": settings.rollback.mode.value,
        "quarantined": list(await what_failed(guard.desk, watch.parts)),
        "suspended": [pausing.document(s) for s in holding(watch.suspensions, now)],
        "proposal": approving.document(watch.proposal),
        "doing": guard.desk.work.doing or None,
        "docker": "answers" if watch.reachable else "does not answer",
        "unreachable": None if watch.reachable else watch.unreachable,
        "release": _running(guard),
        "last_known_good": watch.good.id if watch.good else None,
        "runs_last_known_good": _runs_good(guard),
        "deployment": await _deployment(guard),
        "last_rollback": await _last_rollback(guard),
        "services": [_service(container) for container in watch.containers if not container.one_off],
        "checks": [_check(state) for state in watch.checks.values()],
        "backups": _backups(guard),
        "standby": await guard.preparer.standby(),
        "displaced": await _displaced(guard),
    }


def _blind_spots(guard: Guard) -> list[str]:
    """What a failure would show too late, or not at all, by what the running images bring along."""
    settings, containers = guard.tools.settings, guard.watch.containers
    checks = [state.check for state in guard.watch.checks.values()]
    found = list(blind_spots(checks, containers, settings.deployment.monitor))
    asked = any(check.severity is Severity.REQUIRED for check in checks)
    if containers and not asked and not any(container.healthcheck for container in containers):
        found.append("no required check and no HEALTHCHECK: only exits and restarts can tell of a failure")
    return found


def _running(guard: Guard) -> str | None:
    """Captured, and what still runs: after a rollback, what failed is remembered until the next capture."""
    release = guard.watch.release
    return release.id if release and release.fingerprint == guard.watch.fingerprint else None


def _runs_good(guard: Guard) -> bool:
    """Captured twice, one release has two IDs; what counts is what it consists of."""
    good = guard.watch.good
    return good is not None and guard.watch.runs(good, guard.tools.settings.stack)


async def _displaced(guard: Guard) -> list[dict[str, Any]]:
    """What rollbacks left on the servers, newest first: it takes room until its time is over."""
    keep = guard.tools.settings.rollback.keep_displaced
    records = await guard.tools.ledger.displaced(guard.name)
    operations = await guard.tools.ledger.operations(guard.name, limit=FAR_BACK)
    return [
        {
            "name": record.name,
            "database": record.database,
            "server": record.server,
            "at": record.at.isoformat(),
            "kept_until": (record.at + keep).isoformat(),
            "trouble": record.trouble,
        }
        for record in reversed(records)
        if record.gone_at is None and not taken_back(record, operations)
    ]


async def _deployment(guard: Guard) -> dict[str, Any] | None:
    found = guard.watch.deployment
    if found is None:
        newest = await guard.tools.ledger.deployments(guard.name, limit=1)
        found = newest[0] if newest else None
    if found is None:
        return None
    return {
        "id": found.id,
        "kind": found.kind.value,
        "phase": found.phase.value,
        "started_at": found.started_at.isoformat(),
        "reasons": list(found.reasons),
        "backup": found.backup,
    }


async def _last_rollback(guard: Guard) -> dict[str, Any] | None:
    newest = await guard.tools.ledger.operations(guard.name, limit=1)
    if not newest:
        return None
    operation = newest[0]
    return {
        "id": operation.id,
        "outcome": operation.outcome.value,
        "detail": operation.detail,
        "started_at": operation.started_at.isoformat(),
        "actor": operation.actor,
    }


def _service(container: Container) -> dict[str, Any]:
    return {
        "service": container.service,
        "state": container.state,
        "health": container.health.value,
        "image": container.image,
        "image_id": container.image_id,
        "restarts": container.restart_count,
    }


def _check(state: CheckState) -> dict[str, Any]:
    return {
        "check": state.check.name,
        "state": state.color.value,
        "since": state.since.isoformat() if state.since else None,
        "detail": state.last.detail if state.last else "",
    }


def _backups(guard: Guard) -> dict[str, Any]:
    found = catalogue(guard.tools.settings.backup.directory, guard.name)
    newest = next((backup for backup in found if backup.complete), None)
    return {
        "directory": str(guard.tools.settings.backup.directory),
        "count": len(found),
        "newest": newest.timestamp if newest else None,
        "newest_at": newest.at.isoformat() if newest else None,
    }
