"""Evidence: what the containers said before they are replaced. Gathered beside the rollback."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from watchdog.errors import WatchdogError
from watchdog.stack import Container, Engine

LOG_LINES = 500


async def gather(engine: Engine, containers: Sequence[Container], directory: Path) -> None:
    """The last lines of each container's log into `directory/logs`; a container that is gone is left out."""
    logs = directory / "logs"
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    await asyncio.gather(*(_log(engine, container, logs) for container in containers))


async def _log(engine: Engine, container: Container, directory: Path) -> None:
    try:
        text = await engine.logs(container.id, LOG_LINES)
    except WatchdogError:
        return
    path = directory / f"{container.service}-{container.id[:12]}.log"
    path.touch(mode=0o600)
    path.write_text(text)
