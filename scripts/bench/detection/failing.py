"""From the exit of a container that nothing restarts, and of a migration, to the decision, many times over.

The daemon runs in mode notify: it decides all that it decides otherwise and says what it would have done, so
that a round takes seconds and none is refused for being the third rollback of the day.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from demo.movements import own_exit, read_movements
from demo.timeline import StoryFailed
from rich.console import Console

from bench.detection.thin import Thin, guarded
from bench.limits import Limit

DECIDED_SECONDS = 30.0
LIMIT_SECONDS = 0.1
DECIDED = "It would go back to release "
SECTION = "    deployment: {min_healthy_time: 1s, healthy_deadline: 30s, monitor: 40s}\n"
KEEPS_RUNNING = '{{image: "{image}", command: [sleep, infinity], init: true, restart: "no"}}'
EXITS = '{{image: "{image}", command: [sh, -c, "sleep 1; exit 1"], init: true, restart: "no"}}'
MIGRATES = '{{image: "{image}", command: ["true"], restart: "no"}}'
FAILS = '{{image: "{image}", command: [sh, -c, "sleep 0.5; exit 1"], restart: "no"}}'
AFTER_MIGRATION = (
    '{{image: "{image}", command: [sleep, infinity], init: true, '
    "depends_on: {{migrate: {{condition: service_completed_successfully}}}}}}"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """What is deployed in turns: a compose file that works, and one whose container exits with code 1."""

    name: str
    good: str
    bad: str


FAILURES = (
    Failure(
        "exit",
        f"name: {{project}}\nservices:\n  app: {KEEPS_RUNNING}\n",
        f"name: {{project}}\nservices:\n  app: {EXITS}\n",
    ),
    Failure(
        "migration",
        f"name: {{project}}\nservices:\n  migrate: {MIGRATES}\n  app: {AFTER_MIGRATION}\n",
        f"name: {{project}}\nservices:\n  migrate: {FAILS}\n  app: {AFTER_MIGRATION}\n",
    ),
)


def measure(rounds: int, console: Console) -> list[Limit]:
    return [limit for failure in FAILURES for limit in _measure(failure, rounds, console)]


def _measure(failure: Failure, rounds: int, console: Console) -> list[Limit]:
    console.print(f"{failure.name} to decision, {rounds} rounds")
    with guarded(failure.name, failure.good, SECTION) as thin:
        figures = [_round(failure, thin) for _ in range(rounds)]
    console.print("  " + " ".join(f"{figure:.3f}" for figure in figures) + " s")
    name = f"{failure.name} to decision"
    return [
        Limit(f"{name} (median of {rounds})", statistics.median(figures), LIMIT_SECONDS, "s"),
        Limit(f"{name} (worst of {rounds})", max(figures), None, "s"),
    ]


def _round(failure: Failure, thin: Thin) -> float:
    """By dockerd's time of the exit, and the daemon's of its decision. Leaves the good release running."""
    thin.timeline.begin = time.time()
    thin.deploy(failure.bad)
    decided = thin.timeline.until({"not_rolled_back"}, DECIDED_SECONDS, "the decision")
    if not any(line.startswith(DECIDED) for line in decided["lines"]):
        raise StoryFailed(f"it decided nothing: {decided['reason']}; see {thin.place.log}")
    ended = own_exit(read_movements(thin.place.events), thin.timeline.begin, decided.at)
    if ended is None:
        raise StoryFailed(f"dockerd told of no exit before the decision; see {thin.place.events}")
    if thin.deploy(failure.good) != 0:
        raise StoryFailed(f"the good release did not become healthy again; see {thin.place.log}")
    return decided.at - ended.at
