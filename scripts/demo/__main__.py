"""`make demo`: a real deployment breaks, and ops-watchdog brings everything back, unattended and proven.

    python -m demo [migration|exit|health|never-ready|config|tag|all]

Exit codes: 0 everything is back, 1 something is not, 2 usage. KEEP=1 leaves shop and daemon running.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from demo import report
from demo.stage import HOME, alone, set_up, shown
from demo.story import play
from demo.timeline import StoryFailed
from demo.versions import BREAKAGES
from rich.console import Console
from rich.markup import escape

# It damages the most: data, schema, configuration and images.
DEFAULT = "migration"
ALL = "all"
RESULT = HOME / "result.json"


def main(arguments: list[str]) -> int:
    """The exit code."""
    wanted = arguments[0] if arguments else DEFAULT
    if len(arguments) > 1 or wanted not in (*BREAKAGES, ALL):
        allowed = "|".join((*BREAKAGES, ALL))
        print(f"{' '.join(arguments)}: no such breakage. Usage: make demo BREAK={allowed}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: what was started is ended
    console = Console(highlight=False, soft_wrap=True)
    try:
        with alone():
            return _tell(BREAKAGES if wanted == ALL else (wanted,), console)
    except StoryFailed as error:
        console.print(f"[bold red]{escape(str(error))}[/]")
        return 1
    except KeyboardInterrupt:
        console.print("\ninterrupted")
        return 130


def _tell(breakages: tuple[str, ...], console: Console) -> int:
    results: dict[str, dict[str, Any]] = {}
    RESULT.unlink(missing_ok=True)
    for breakage in breakages:
        results[breakage] = _tell_one(breakage, console)
    report.write(RESULT, results)
    if len(results) > 1:
        report.tell_summary(console, results)
    proven = all(result["proven"] for result in results.values())
    verdict = "[bold green]Everything is back.[/]" if proven else "[bold red]Not everything is back.[/]"
    console.print(f"\n{verdict} The figures are in {shown(RESULT)}")
    return 0 if proven else 1


def _tell_one(breakage: str, console: Console) -> dict[str, Any]:
    """A story that fails is a result, too: the others are told all the same."""
    keep = os.environ.get("KEEP", "") not in ("", "0")
    begin = time.monotonic()
    console.rule(f"BREAK={breakage}")
    try:
        with set_up(breakage, console, keep=keep) as stage:
            ending = play(breakage, stage)
            report.tell_ending(stage, ending)
            if keep:
                report.tell_how_to_look(console, stage.place, stage.shop)
            return report.document(stage, ending, time.monotonic() - begin)
    except (StoryFailed, RuntimeError) as error:
        console.print(f"[bold red]{escape(str(error))}[/]")
        return {"proven": False, "seconds": round(time.monotonic() - begin, 1), "error": str(error)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
