"""Where tables are drawn: as wide as the terminal, or in a pipe as wide as they need."""

from __future__ import annotations

import sys

from rich.console import Console

PIPE_WIDTH = 240


def console() -> Console:
    """Nothing is cut in a pipe, and nothing is coloured that we did not colour."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
