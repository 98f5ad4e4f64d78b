"""`run`: the daemon in the foreground."""

from __future__ import annotations

from watchdog.app import Application
from watchdog.cli.context import Context
from watchdog.daemon.supervisor import Supervisor


async def run(context: Context) -> None:
    """Until SIGTERM; raises `ConfigError` or `Refused` where it cannot start."""
    application = Application(context.configuration)
    application.configure_logging()
    async with application:
        supervisor = Supervisor(
            context.configuration, application, context.read, application.service_manager()
        )
        async with application.metrics(supervisor.readings):
            await supervisor.run()
