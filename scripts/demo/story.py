"""One breakage, from version 1 and a customer over a version 2 that breaks to the proof that all is back."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from demo import daemon
from demo.figures import Figures, measure
from demo.movements import read_movements
from demo.proof import Beyond, Comparison, Promises, alerts, beyond, compare
from demo.stage import Stage, shown
from demo.timeline import Event, StoryFailed
from demo.truth import Truth, displaced_databases, read_tables, read_truth
from demo.writer import Writer, writing

START_SECONDS = 15.0
DEPLOYMENT_SECONDS = 90.0
ROLLBACK_SECONDS = 120.0
AFTERWARDS_SECONDS = 20.0
# What the daemon says last, whatever became of the deployment.
ENDS = frozenset({"rollback_ended", "rollback_not_run", "not_rolled_back", "deployment_good"})
FIRST_ORDERS = 20
# Orders acknowledged after the rollback: the shop works again, for its customers too.
ORDERS_AFTERWARDS = 5

TELLINGS = {
    "migration": "the migration fails halfway, after it has changed data and schema",
    "exit": "the new backend exits half a second after its start",
    "health": "the new backend's health endpoint turns 500 after the start",
    "never-ready": "the new backend runs, but never becomes ready",
    "config": "the new compose file names a database host that does not exist",
    "tag": "no file changes: a mutable tag has been built anew, and is bad",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """What a story came to. `displaced` is the database that holds what the rollback took out."""

    figures: Figures
    comparisons: tuple[Comparison, ...]
    displaced: str
    beyond: dict[str, Beyond]
    slack: tuple[str, ...]
    incident: Path

    @property
    def proven(self) -> bool:
        return all(comparison.holds for comparison in self.comparisons)


@dataclass(slots=True)
class Counting:
    """How many orders had been acknowledged at the two moments that divide them."""

    writer: Writer
    at_backup: int = 0
    at_failure: int = 0

    def hear(self, event: Event) -> None:
        if event.kind == "backup_written":
            self.at_backup = len(self.writer.acknowledged)
        elif event.kind == "deployment_failed":
            self.at_failure = len(self.writer.acknowledged)


def play(breakage: str, stage: Stage) -> Ending:
    """Raises `StoryFailed` where it cannot be told to its end."""
    stage.console.print(f"\n[bold]Version 1.0 of the shop is deployed[/] in {shown(stage.shop.directory)}")
    stage.timeline.until({"started"}, START_SECONDS, "the daemon's start")
    _deploy_first(stage)
    with writing(stage.shop.backend_url) as writer:
        stage.timeline.until({"release_good"}, DEPLOYMENT_SECONDS, "a last known good release")
        _wait_for_orders(stage, writer, FIRST_ORDERS)
        before = read_truth(stage.shop)
        stage.console.print(f"  a customer keeps ordering ({len(writer.acknowledged)} orders so far)")
        return _break(breakage, stage, writer, before)


def _deploy_first(stage: Stage) -> None:
    stage.timeline.untold = {"check_changed", "release_not_captured", "not_protected"}
    log = stage.place.root / "deploy-1.log"
    with daemon.deploying(stage.place, stage.shop, log) as command:
        stage.timeline.wait(lambda: command.poll() is not None, DEPLOYMENT_SECONDS, f"version 1.0, see {log}")
    if command.returncode != 0:
        raise StoryFailed(f"version 1.0 was not deployed (exit code {command.returncode}); see {log}")


def _break(breakage: str, stage: Stage, writer: Writer, before: Truth) -> Ending:
    stage.console.print(f"\n[bold]Version 2.0 is deployed, and breaks:[/] {TELLINGS[breakage]}")
    stage.shop.write_version(breakage)
    stage.console.print(
        "  prepared as by git pull; now typed: ops-watchdog deploy -- docker compose up --detach"
    )
    counting = Counting(writer)
    stage.timeline.listeners.append(counting.hear)
    early = list(writer.acknowledged)
    _deploy_second(stage)
    _wait_for_orders(stage, writer, len(writer.acknowledged) + ORDERS_AFTERWARDS)
    with contextlib.suppress(StoryFailed):  # what Slack was not told is one of the comparisons
        stage.timeline.wait(lambda: alerts(stage.sink.titles).holds, AFTERWARDS_SECONDS, "Slack's messages")
    writer.stop()
    later = writer.acknowledged[counting.at_backup : counting.at_failure]
    return _end(stage, before, Promises(early, later, list(writer.acknowledged)))


def _deploy_second(stage: Stage) -> None:
    """Until the daemon has done what there was to do, and the command has returned."""
    timeline, log = stage.timeline, stage.place.root / "deploy-2.log"
    timeline.begin, timeline.untold = time.time(), ()
    with daemon.deploying(stage.place, stage.shop, log) as command:
        end = timeline.until(ENDS, ROLLBACK_SECONDS, "the end of the rollback")
        timeline.wait(lambda: command.poll() is not None, AFTERWARDS_SECONDS, f"deploy's return, see {log}")
    if end["outcome"] != "succeeded":
        reason = end["detail"] or end["reason"] or "nobody noticed the failure"
        raise StoryFailed(f"there was no successful rollback: {reason}; see {stage.place.log}")


def _wait_for_orders(stage: Stage, writer: Writer, count: int) -> None:
    stage.timeline.wait(lambda: len(writer.acknowledged) >= count, AFTERWARDS_SECONDS, f"{count} orders")


def _end(stage: Stage, before: Truth, promises: Promises) -> Ending:
    figures = measure(stage.timeline, read_movements(stage.place.events))
    after = read_truth(stage.shop)
    name = next(reversed(displaced_databases(stage.shop)), "")
    displaced = read_tables(stage.shop, name) if name else {}
    reports = sorted(stage.place.incidents.glob("*/incident.md"))
    return Ending(
        figures=figures,
        comparisons=(*compare(before, after, displaced, promises), alerts(stage.sink.titles)),
        displaced=name or "(there is none)",
        beyond=beyond(before.tables, after.tables, displaced),
        slack=tuple(stage.sink.texts),
        incident=reports[-1] if reports else stage.place.incidents,
    )
