"""Measures what must hold of detection and exits non-zero where something does not.

    python -m bench.detection [--rounds N] [--no-soak] [--json]

The first line tells of a busy machine: shares of a core and moments mean less there. The soak, many healthy
and many broken deployments, comes last and takes longest.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from demo.stage import alone
from demo.timeline import StoryFailed
from rich.console import Console
from rich.markup import escape

from bench.detection import crowd, failing, fleet, swarm
from bench.limits import Limit, as_json, exit_code, show
from bench.soak.soak import Wish, run

ROUNDS = 11


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: what was started is ended
    console = Console(stderr=options.json, highlight=False, soft_wrap=True)
    load, cores = os.getloadavg()[0], os.cpu_count()
    console.print(f"{cores} cores, load {load:.1f}" + (": a busy machine" if load > 0.5 else ""))
    try:
        with alone():
            limits = _measure(options, console)
    except StoryFailed as error:
        console.print(f"[bold red]{escape(str(error))}[/]")
        return 1
    if options.json:
        print(as_json(limits))
    else:
        show(console, limits)
    return exit_code(limits)


def _measure(options: argparse.Namespace, console: Console) -> list[Limit]:
    limits = [
        *failing.measure(options.rounds, console),
        *swarm.measure(options.rounds, console),
        *crowd.measure(console),
        *fleet.measure(console),
    ]
    if options.soak:
        limits += run(console, Wish())
    return limits


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.detection")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each failure, and of Swarm's")
    parser.add_argument("--no-soak", dest="soak", action="store_false", help="leave the soak out")
    parser.add_argument("--json", action="store_true", help="the figures on stdout, the progress on stderr")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
