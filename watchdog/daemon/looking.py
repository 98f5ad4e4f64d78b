"""Looks at what runs: inspect is truth, events are hints (design rule 6).

Called by the guard and by its colleagues.
"""

from __future__ import annotations

from watchdog.daemon.capturing import Capturer
from watchdog.daemon.desk import Desk
from watchdog.daemon.observing import notice
from watchdog.daemon.watch import Identities, carried_over
from watchdog.errors import Unreachable
from watchdog.health.rhythm import in_rhythm


class Looker:
    """Of one guard."""

    def __init__(self, desk: Desk, capturer: Capturer) -> None:
        self._desk = desk
        self._capturer = capturer
        self._asked_capture_of: Identities = frozenset()

    async def look_now(self) -> None:
        """For an operation that needs the truth: look and capture, or raise `Unreachable`."""
        await self._desk.ask(self.look)
        if not self._desk.watch.reachable:
            raise Unreachable(f"{self._desk.watch.unreachable}; nothing was done")
        await self._capturer.done()

    async def look(self) -> None:
        """In the guard's own task: inspect the project, notice a deployment, have what runs captured."""
        desk, watch = self._desk, self._desk.watch
        try:
            containers = await desk.tools.hands.engine.containers(desk.tools.settings.stack.project)
        except Unreachable as error:
            watch.reachable, watch.unreachable = False, str(error)  # told by `alarming`, once it lasts
            return
        clock, previous = desk.tools.hands.clock, watch.containers
        watch.containers, watch.looked_at, watch.reachable = containers, clock.monotonic(), True
        watch.stopped &= {container.id for container in containers}
        self.adapt()
        await notice(desk, previous, clock.now())
        self._see_to_capture()

    def adapt(self) -> None:
        """A check of a service's own HEALTHCHECK asks in the rhythm that the running image brings along."""
        watch = self._desk.watch
        checks = in_rhythm(self._desk.tools.settings.checks, watch.containers)
        if checks == tuple(state.check for state in watch.checks.values()):
            return
        watch.checks = carried_over(watch.checks, checks)
        if self._desk.asker is not None:
            self._desk.asker.replace(checks)

    def _see_to_capture(self) -> None:
        """Not in the middle of a change of ours: half a release is none, and hashing costs a process."""
        watch = self._desk.watch
        if self._desk.work.changing:
            return
        if watch.identities != self._asked_capture_of or watch.release is None:
            self._asked_capture_of = watch.identities
            self._capturer.soon()
