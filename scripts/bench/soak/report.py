"""What the soak says: a line for each round, what is needed to look into a failure, and the limits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from rich.console import Console
from rich.markup import escape

from bench.limits import Limit
from bench.soak.ending import End
from bench.soak.play import Result
from bench.soak.scene import Scene

BEFORE_SECONDS = 10.0
SHOWN_LINES = 12
LEFT_OUT = frozenset({"timestamp", "level", "stack", "logger", "event"})


@dataclass(slots=True)
class Report:
    """Takes results from all threads. `failures`: the directory for what to look at."""

    console: Console
    total: int
    seed: int
    failures: Path
    results: list[Result] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def take(self, scene: Scene, result: Result) -> None:
        with self._lock:
            self.results.append(result)
            if result.holds:
                self.console.print(f"{self._place(result)} {_line(result)}")
            else:
                self._tell_failure(scene, result)

    def _place(self, result: Result) -> str:
        """A repair is none of those that were planned."""
        done = len([one for one in self.results if one.round.planned])
        return f"[{done:3}/{self.total}]" if result.round.planned else " repair  "

    def _tell_failure(self, scene: Scene, result: Result) -> None:
        name = result.round.kind.name
        path = self.failures / f"{len(self.results):03}-{scene.name}-{name.replace(' ', '-')}.log"
        events = scene.house.events(scene.name, result.begin - BEFORE_SECONDS)
        lines = [f"{event.at - result.begin:+8.2f} {event.kind} {_facts(event.facts)}" for event in events]
        path.parent.mkdir(parents=True, exist_ok=True)
        with scene.traffic.shared():
            states = scene.product.states()
        path.write_text("\n".join([_line(result), "", *lines, "", states]))
        self.console.print(f"[bold red]WRONG[/] {self._place(result)} {_line(result)}")
        self.console.print(f"      {escape(result.ending.told)}")
        for line in [line for line in lines if "check_changed" not in line][-SHOWN_LINES:]:
            self.console.print(f"      {escape(line[:200])}")
        self.console.print(f"      all of it: {path}; again: --only '{name}' --seed {self.seed}")

    def limits(self) -> list[Limit]:
        healthy = [one for one in self.results if one.round.kind.healthy]
        broken = [one for one in self.results if not one.round.kind.healthy]
        wrong = [one for one in healthy if not one.holds]
        undecided = [one for one in wrong if not one.ending.failed and one.ending.end is End.UNDECIDED]
        failed = [one for one in wrong if one.ending.failed]
        return [
            Limit("healthy deployments", len(healthy), None),
            Limit("of these called failed or rolled back", len(failed), 1),
            Limit("of these undecided", len(undecided), 1),
            Limit("of these without an end that could be told", len(wrong) - len(failed) - len(undecided), 1),
            Limit("broken deployments", len(broken), None),
            Limit("of these missed", len([one for one in broken if not one.ending.failed]), 1),
            Limit(
                "of these caught, but with a wrong end",
                len([one for one in broken if one.ending.failed and not one.holds]),
                1,
            ),
            Limit("rounds that were not played", self.total - self._played(), 1),
        ]

    def _played(self) -> int:
        return len([one for one in self.results if one.round.planned])

    def tell_ends(self) -> None:
        """How often each kind ended how."""
        for healthy, title in ((True, "healthy"), (False, "broken")):
            self.console.print(f"\n[bold]{title}[/]")
            ends = _ends([one for one in self.results if one.round.kind.healthy is healthy])
            for name in sorted(ends):
                told = ", ".join(f"{count} {end}" for end, count in sorted(ends[name].items()))
                self.console.print(f"  {name:<40} {told}")


def _ends(results: Sequence[Result]) -> dict[str, Counter[str]]:
    ends: dict[str, Counter[str]] = {}
    for one in results:
        ends.setdefault(one.round.kind.name, Counter())[one.ending.end.value] += 1
    return ends


def _line(result: Result) -> str:
    after = f", {result.detected:.1f} s to the verdict" if result.detected is not None else ""
    words = f"{result.ending.end.value} after {result.seconds:.1f} s{after}"
    return f"{result.stack:<12} {result.round.kind.name}: {words}"


def _facts(facts: dict[str, object]) -> str:
    return json.dumps({key: value for key, value in facts.items() if key not in LEFT_OUT}, default=str)
