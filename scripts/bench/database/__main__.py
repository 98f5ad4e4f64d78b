"""Measures what the database step must hold and exits non-zero where something does not.

    python -m bench.database [--rounds N] [--scale N] [--json]

Ratios against the alternatives of the same run; the first line tells of a busy machine, where they mean less.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from demo.stage import alone
from rich.console import Console

from bench.database import accounting, backup, memory, restore, swap
from bench.database.subject import SCALE, prepared
from bench.limits import as_json, exit_code, show

MEASURES = (memory.measure, backup.measure, restore.measure, swap.measure, accounting.measure)
"""A module for each measured thing: `measure(subject, rounds, console)` returns its limits."""
ROUNDS = 3


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    console = Console(stderr=options.json, highlight=False)
    load, cores = os.getloadavg()[0], os.cpu_count()
    console.print(f"{cores} cores, load {load:.1f}" + (": a busy machine" if load > 0.5 else ""))
    with alone(), prepared(options.scale, console) as subject:
        limits = [limit for measure in MEASURES for limit in measure(subject, options.rounds, console)]
    if options.json:
        print(as_json(limits))
    else:
        show(console, limits)
    return exit_code(limits)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.database")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each comparison")
    parser.add_argument("--scale", type=int, default=SCALE, help="350 MB each")
    parser.add_argument("--json", action="store_true", help="the figures on stdout, the progress on stderr")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
