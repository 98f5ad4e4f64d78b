"""Soaks the daemon in deployments, and exits non-zero where one was judged wrongly.

    python -m bench.soak [--healthy 200] [--broken 42] [--seed 1] [--only KIND]… [--without-engine-restart]
                         [--json] [--list]

With --only, the numbers say how often each named kind is played.
"""

from __future__ import annotations

import argparse
import signal
import sys

from demo.stage import alone
from demo.timeline import StoryFailed
from rich.console import Console

from bench.limits import as_json, exit_code, show
from bench.soak.broken import BROKEN
from bench.soak.healthy import HEALTHY
from bench.soak.soak import Wish, run


def main(arguments: list[str]) -> int:
    """The exit code."""
    options = _parsed(arguments)
    if options.list:
        print("\n".join(kind.name for kind in (*HEALTHY, *BROKEN)))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: what was started is ended
    wish = Wish(
        options.healthy, options.broken, options.seed, tuple(options.only), not options.without_engine_restart
    )
    console = Console(highlight=False, soft_wrap=True, stderr=options.json)
    try:
        with alone():
            limits = run(console, wish)
    except StoryFailed as error:
        print(error, file=sys.stderr)
        return 1
    if options.json:
        print(as_json(limits))
    else:
        show(console, limits)
    return exit_code(limits)


def _parsed(arguments: list[str]) -> argparse.Namespace:
    default = Wish()
    parser = argparse.ArgumentParser("bench.soak", description="many deployments, good and broken")
    parser.add_argument("--healthy", type=int, default=default.healthy)
    parser.add_argument("--broken", type=int, default=default.broken)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--only", action="append", default=[], metavar="KIND")
    parser.add_argument("--without-engine-restart", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--list", action="store_true", help="the kinds")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
