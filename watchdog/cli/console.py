"""How facts look to a person: lists as wide as the terminal (in a pipe as wide as need be), times, sizes."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from watchdog.clock import age as age

PIPE_WIDTH = 240
FOLDED_WIDTH = 10
"""Columns: narrower, the words of a reason are cut rather than folded."""


def console() -> Console:
    """Nothing is cut in a pipe, and nothing is coloured that we did not colour."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def listing(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], folds: Collection[str]) -> Table:
    """Fits 80 columns: those in `folds` share what the others leave; what names things stays in one piece."""
    made = Table(box=None, pad_edge=False)
    for column in columns:
        if column in folds:
            made.add_column(column, overflow="fold", min_width=FOLDED_WIDTH)
        else:
            made.add_column(column, no_wrap=True, overflow="ignore")
    for row in rows:
        made.add_row(*(escape(str(row[column] or "-")) for column in columns))
    return made


def local(moment: datetime) -> str:
    """In this host's time, to the minute."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def short(moment: datetime) -> str:
    """As `local`, for a table in which something else tells the year."""
    return moment.astimezone().strftime("%b %d %H:%M")


def size(count: int) -> str:
    """Of so many bytes: `812 B`, `14.5 KiB`, `2.0 GiB`."""
    number, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if number < 1024:
            break
        number, unit = number / 1024, larger
    return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
