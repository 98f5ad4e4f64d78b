"""Measures what must hold and exits non-zero where something does not.

    python -m bench [REPEATS]

Each repeat tells the demo's stories `exit` and `health` without printing them, then does by hand on the same
shop what the guide says, for a ratio. Last, a daemon with default rhythms is left alone and weighed.
"""

from __future__ import annotations

import io
import statistics
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from demo.stage import alone, set_up
from demo.story import play
from rich.console import Console

from bench.guide import by_hand
from bench.idle import idle
from bench.limits import Limit, exit_code, show
from bench.weight import Weight

REPEATS = 3
INTERVAL_SECONDS = 0.5
"""Of the checks in the demo's configuration."""


@dataclass(frozen=True, slots=True)
class Rollbacks:
    """Seconds, one figure a repeat."""

    exit_to_decision: list[float]
    red_to_detection: list[float]
    ours: list[float]
    whole: list[float]
    by_hand: list[float]


def main(arguments: list[str]) -> int:
    repeats = int(arguments[0]) if arguments else REPEATS
    console = Console(highlight=False)
    with alone():
        measured = _rollbacks(repeats, console)
        quiet = idle(console)
    limits = _limits(measured, quiet)
    show(console, limits)
    return exit_code(limits)


def _rollbacks(repeats: int, console: Console) -> Rollbacks:
    found = Rollbacks([], [], [], [], [])
    for number in range(repeats):
        for breakage in ("exit", "health"):
            console.print(f"repeat {number + 1} of {repeats}: {breakage}")
            _measure(breakage, found)
    return found


def _measure(breakage: str, found: Rollbacks) -> None:
    with set_up(breakage, Console(file=io.StringIO()), keep=False) as stage:
        ending = play(breakage, stage)
        figures = ending.figures
        if breakage == "exit":
            found.exit_to_decision.append(figures.sign_to_decided)
        else:
            found.red_to_detection.append(figures.sign_to_detected)
        found.ours.append(figures.ours)
        found.whole.append(figures.decided_to_verified)
        found.by_hand.append(by_hand(stage.shop))


def _limits(found: Rollbacks, quiet: Weight) -> list[Limit]:
    ratios = [ours / other for ours, other in zip(found.whole, found.by_hand, strict=True)]
    return [
        _worst("container exit to decision", found.exit_to_decision, 0.5, "s"),
        _worst("check at its threshold to decision", found.red_to_detection, INTERVAL_SECONDS, "s"),
        _worst("decision to verified, without the containers' own time", found.ours, 6.0, "s"),
        Limit("decision to verified, all of it (median)", statistics.median(found.whole), None, "s"),
        Limit(
            "the guide's procedure by hand, without its sleeps (median)", _median(found.by_hand), None, "s"
        ),
        Limit("ratio of both (median)", _median(ratios), None, ""),
        Limit("idle: resident memory", quiet.resident_mib, 80.0, "MiB"),
        Limit("idle: of one core", quiet.core_percent, 1.0, "%"),
    ]


_median: Callable[[Iterable[float]], float] = statistics.median


def _worst(what: str, figures: list[float], under: float, unit: str) -> Limit:
    return Limit(f"{what} (worst of {len(figures)})", max(figures), under, unit)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
