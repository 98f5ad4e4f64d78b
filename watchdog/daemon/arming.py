"""Whether automatic rollback is possible now: gathers what the pure rules of `rollback.armed` ask for."""

from __future__ import annotations

from watchdog.backup.catalogue import catalogue
from watchdog.daemon.desk import Desk
from watchdog.errors import WatchdogError
from watchdog.rollback.armed import Situation, unarmed
from watchdog.rollback.held import held
from watchdog.rollback.steps.databases import obstacles
from watchdog.rollback.suspension import holding


async def why_unarmed(desk: Desk) -> tuple[str, ...]:
    """Why automatic rollback is not possible now; empty means armed. Looks at images and database."""
    tools, watch = desk.tools, desk.watch
    settings, now = tools.settings, tools.hands.clock.now()
    recent = await tools.ledger.operations(desk.name, limit=100)
    return unarmed(
        Situation(
            stack=settings.stack,
            policy=settings.rollback,
            captured=watch.release,
            uncaptured=watch.uncaptured,
            good=watch.good,
            missing_images=await _missing_images(desk),
            backups=catalogue(settings.backup.directory, desk.name),
            red=watch.red(settings.checks),
            reachable=watch.reachable,
            obstacles=await _obstacles(desk),
            recent=recent,
            now=now,
            suspended=holding(await tools.ledger.suspensions(desk.name), now),
            held=held(recent, await tools.ledger.deployments(desk.name)),
            uptime=tools.hands.clock.uptime(),
        )
    )


async def _missing_images(desk: Desk) -> tuple[str, ...]:
    good = desk.watch.good
    if good is None:
        return ()
    try:
        present = await desk.tools.hands.engine.image_ids({s.image_id for s in good.services})
    except WatchdogError:
        return ()
    return tuple(sorted({s.image for s in good.services if s.image_id not in present}))


async def _obstacles(desk: Desk) -> tuple[str, ...]:
    if not desk.watch.containers:
        return ()
    try:
        return await obstacles(desk.tools.hands, "status")
    except WatchdogError as error:
        return (f"the database cannot be asked: {error}",)
