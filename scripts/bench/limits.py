"""What must hold, as figures beside their limits: printed as a table or as JSON, judged by the exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Limit:
    """One figure, in its unit, and what it must stay under; None: shown only."""

    what: str
    figure: float
    under: float | None
    unit: str = ""

    @property
    def holds(self) -> bool:
        return self.under is None or self.figure < self.under


def exit_code(limits: Sequence[Limit]) -> int:
    return 0 if all(limit.holds for limit in limits) else 1


def show(console: Console, limits: Sequence[Limit]) -> None:
    table = Table("", "measured", "must be under", "", box=None, pad_edge=False)
    for limit in limits:
        under = "" if limit.under is None else f"{limit.under:g} {limit.unit}"
        verdict = "" if limit.under is None else ("[green]holds[/]" if limit.holds else "[red]FAILS[/]")
        table.add_row(limit.what, f"{limit.figure:.2f} {limit.unit}", under, verdict)
    console.print(table)


def as_json(limits: Sequence[Limit]) -> str:
    return json.dumps([{**asdict(limit), "holds": limit.holds} for limit in limits], indent=1)
