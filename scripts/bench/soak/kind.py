"""A kind of deployment: what is done, on which sort of stack, and how it must end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.soak.ending import End
from bench.soak.product import CHECKED, DEMO, DEMO_TAG, MIGRATING, PATIENT, PLAIN, SCALED, Flavour
from bench.soak.scene import Scene

QUICK = (PLAIN, MIGRATING, CHECKED, SCALED)
WITH_MIGRATION = (MIGRATING, PATIENT)
WITH_HEALTHCHECK = (CHECKED, PATIENT)
DEMO_ONLY = (DEMO, DEMO_TAG)


@dataclass(frozen=True, slots=True)
class Kind:
    """`engine`: it disturbs the engine itself. `weight`: how often it is drawn beside the others.

    `cost`: how long it takes, an ordinary one being 1.
    """

    name: str
    act: Callable[[Scene], None]
    on: tuple[Flavour, ...] = QUICK
    ends: frozenset[End] = frozenset({End.GOOD})
    engine: bool = False
    weight: int = 2
    cost: int = 1

    @property
    def healthy(self) -> bool:
        """Nothing is wrong with what it deploys: no verdict may fall."""
        return not self.ends & CAUGHT


CAUGHT = frozenset({End.CAUGHT, End.ROLLED_BACK})
EITHER = frozenset({End.GOOD, End.UNDECIDED})
"""For what a person left half done: nobody can call it good, and nobody may roll it back."""
