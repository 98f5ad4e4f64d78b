"""What the command of a deployment left running is ended before its work is judged."""

from __future__ import annotations

from watchdog.daemon.desk import Desk
from watchdog.deploy.deployment import Deployment
from watchdog.errors import WatchdogError


async def end_rest(desk: Desk, deployment: Deployment) -> None:
    """In the background, or after its terminal went. Preflight asks again, and refuses what stays."""
    try:
        await desk.tools.hands.commands.end(deployment.id)
    except WatchdogError as error:
        desk.tell("command_outlives", deployment=deployment.id, reason=str(error))
