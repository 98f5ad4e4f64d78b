"""A deployment's command as a test has it: it runs until told how it ends."""

from __future__ import annotations

import asyncio

from watchdog.errors import WatchdogError


class FakeCommand:
    """Fulfils `daemon.tools.Command`. `calls` lists what was asked of it, in order."""

    def __init__(self, *argv: str) -> None:
        self.argv = argv or ("deploy.sh",)
        self.calls: list[str] = []
        self.deployments: list[str] = []
        self.started = asyncio.Event()
        self._over: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self, deployment: str) -> int:
        self.calls.append("run")
        self.deployments.append(deployment)
        self.started.set()
        return await asyncio.shield(self._over)

    async def end(self) -> None:
        self.calls.append("end")
        self.exit(143)

    def exit(self, code: int) -> None:
        if not self._over.done():
            self._over.set_result(code)

    def lose_terminal(self) -> None:
        self._over.set_exception(WatchdogError("the terminal is gone"))
