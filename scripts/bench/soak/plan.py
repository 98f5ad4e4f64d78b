"""Who plays what, in which order: dealt out by a seed, so that a round can be played again. Pure."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.soak.kind import Kind
from bench.soak.product import Flavour


@dataclass(frozen=True, slots=True)
class Round:
    """`seed` decides what its kind leaves to chance: the same for the nth of a kind, whatever else is played.

    `planned` False: a repair, which became necessary.
    """

    kind: Kind
    seed: str
    planned: bool = True


def dealt(
    kinds: Sequence[Kind], count: int, stacks: Mapping[str, Flavour], seed: int
) -> dict[str, list[Round]]:
    """At least `count` rounds, each kind at least once, evenly over the stacks that fit; shuffled."""
    chance = random.Random(seed)
    hands: dict[str, list[Round]] = {name: [] for name in stacks}
    nth: Counter[str] = Counter()
    for kind in _drawn(kinds, count, chance):
        fitting = [name for name, flavour in stacks.items() if flavour in kind.on]
        costs = {name: sum(one.kind.cost for one in hands[name]) for name in fitting}
        name = chance.choice([name for name in fitting if costs[name] == min(costs.values())])
        nth[kind.name] += 1
        hands[name].append(Round(kind, f"{seed}/{kind.name}/{nth[kind.name]}"))
    return hands


def merged(hands: Iterable[Mapping[str, Sequence[Round]]], seed: int) -> dict[str, list[Round]]:
    """Good and broken ones in one order for each stack."""
    chance = random.Random(seed)
    together: dict[str, list[Round]] = {}
    for hand in hands:
        for name, rounds in hand.items():
            together.setdefault(name, []).extend(rounds)
    for rounds in together.values():
        chance.shuffle(rounds)
    return together


def _drawn(kinds: Sequence[Kind], count: int, chance: random.Random) -> list[Kind]:
    """Those that fit few stacks come first, while there is room on these."""
    every = list(kinds)
    if count > len(every):
        every += chance.choices(kinds, [kind.weight for kind in kinds], k=count - len(every))
    return sorted(every, key=lambda kind: len(kind.on))
