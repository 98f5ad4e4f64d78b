"""Times alternatives in turns, so that what else the machine does meets all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console

Times = Mapping[str, Sequence[float]]
"""Seconds by alternative, one figure a round."""


def in_turns(
    what: str,
    alternatives: Mapping[str, Callable[[], object]],
    rounds: int,
    console: Console,
    before: Callable[[], object] = lambda: None,
) -> Times:
    """Each alternative once a round, in another order each time; `before` each, its time not counted."""
    times: dict[str, list[float]] = {name: [] for name in alternatives}
    order = list(alternatives)
    for number in range(rounds):
        for name in order[number % len(order) :] + order[: number % len(order)]:
            before()
            begin = time.monotonic()
            alternatives[name]()
            times[name].append(time.monotonic() - begin)
            console.print(f"{what}, round {number + 1} of {rounds}: {name} {times[name][-1]:.2f} s")
    return times


def ratio(times: Times, ours: str, other: str) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(times[ours], times[other], strict=True))
