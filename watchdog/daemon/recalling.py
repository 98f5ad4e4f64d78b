"""Recalls what failed before: says so as soon as a deployment brings it back, and judges it like any other.

The commonest case is a mutable tag: a rollback retagged it on this host, and the next pull brings the failed
image back (design rule 7). Called by the guard before each verdict.
"""

from __future__ import annotations

from watchdog.alert.alert import Level
from watchdog.daemon.desk import Desk
from watchdog.deploy.changes import Parts, parts
from watchdog.deploy.deployment import Deployment, Kind, Phase
from watchdog.rollback.quarantine import recognised

QUARANTINE = "quarantine"
TITLE = "a release that failed before is back"
REMEDY = "It is judged like any other. A tag that is pulled or built again brings it back: publish another."
TOLD = 50
"""Lines noted of one deployment, among which what was said is looked for."""


class Recaller:
    """Of one guard. `sentences`: what the open deployment brought back, for whoever tells that it failed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._asked: tuple[str, Parts] = ("", ())
        self.sentences: tuple[str, ...] = ()

    async def recall(self, deployment: Deployment | None) -> None:
        """Nothing where the same was asked before: the ledger is read once for each change of what runs."""
        if deployment is None or deployment.phase is Phase.FAILED:
            return
        made = parts(c for c in self._desk.watch.containers if c.id not in deployment.baseline)
        if (deployment.id, made) == self._asked:
            return
        self.sentences = await what_failed(self._desk, made)
        self._asked = (deployment.id, made)
        if self.sentences:
            await self._tell(deployment)

    async def _tell(self, deployment: Deployment) -> None:
        """Once, also where the daemon was restarted meanwhile."""
        desk, text = self._desk, "; ".join(self.sentences)
        noted = await desk.tools.ledger.noted(desk.name, deployment.id, limit=TOLD)
        if any(line.kind == QUARANTINE and line.text == text for line in noted):
            return
        lines = [*self.sentences, f"Brought by {_by(deployment)}.", REMEDY]
        await desk.alert(Level.WARNING, TITLE, "\n".join(lines), desk.noted(QUARANTINE, text, deployment.id))
        desk.tell("failed_release_is_back", deployment=deployment.id, reason=text)


async def what_failed(desk: Desk, made: Parts) -> tuple[str, ...]:
    """What of these parts failed before and was never good since, a sentence each."""
    marks = await desk.tools.ledger.marks(desk.name)
    good = desk.watch.good.parts if desk.watch.good else ()
    return tuple(str(met) for met in recognised(marks.values(), made, good))


def _by(deployment: Deployment) -> str:
    if deployment.kind is Kind.ANNOUNCED:
        return f"'{' '.join(deployment.command)}'"
    return "a deployment that nobody announced: an updater, or somebody's 'docker compose up'"
