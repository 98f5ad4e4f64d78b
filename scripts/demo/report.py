"""What the demo says at the end: for people, and as `.demo/result.json` for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from demo.daemon import PROGRAM, Place
from demo.shop import Shop
from demo.stage import Stage, shown
from demo.story import Ending
from rich.console import Console
from rich.markup import escape
from rich.table import Table

MARK = {True: "[green]yes[/]", False: "[bold red]NO [/]"}


def tell_ending(stage: Stage, ending: Ending) -> None:
    console = stage.console
    console.print("\n[bold]Compared with the truth of before[/]")
    for comparison in ending.comparisons:
        console.print(f"  {MARK[comparison.holds]}  {comparison.what:<50} {comparison.figures}")
    _tell_times(console, ending)
    console.print(
        f"\n[bold]Displaced, not lost:[/] database {ending.displaced} holds beyond the restored one"
    )
    for table, more in ending.beyond.items():
        console.print(f"  {table:<18} {more}")
    console.print("\n[bold]Slack heard[/]")
    for text in ending.slack:
        console.print("  " + escape(text).replace("\n", "\n    "))
    _tell_paths(console, paths(stage.place, ending))


def _tell_times(console: Console, ending: Ending) -> None:
    times, own = ending.figures, ending.figures.own
    console.print("\n[bold]Times[/]")
    console.print(f"  {times.sign}; {times.sign_to_decided:.2f} s later the rollback was decided")
    console.print(
        f"  {times.decided_to_verified:.2f} s from decision to verified; {own.either:.2f} s of it containers "
        f"stopped ({own.stopping:.2f} s) or started ({own.starting:.2f} s): {times.ours:.2f} s are ours"
    )


def _tell_paths(console: Console, found: dict[str, str]) -> None:
    console.print("\n[bold]Where it lies[/]")
    for name, path in found.items():
        console.print(f"  {name:<24} {shown(Path(path))}")


def paths(place: Place, ending: Ending) -> dict[str, str]:
    incident = ending.incident.parent
    found = {
        "backups": place.backups,
        "incident report": ending.incident,
        "displaced configuration": incident / "displaced",
        "containers' last words": incident / "logs",
        "daemon's log": place.log,
        "deploy's output": place.root / "deploy-2.log",
        "configuration": place.configuration,
    }
    return {name: str(path) for name, path in found.items() if path.exists()}


def tell_how_to_look(console: Console, place: Place, shop: Shop) -> None:
    """For KEEP=1: everything still runs."""
    command = f"{PROGRAM} --config {place.configuration}"
    console.print("\n[bold]Left running[/] (KEEP=1). To look around, in a shell with the engine's address:")
    console.print('  eval "$(scripts/engine/env)"')
    for words in ("status", "backups list", "rollback --plan", "check"):
        console.print(f"  {command} {words}")
    console.print(f"  curl {shop.health_url}")
    console.print("To clean up (the next demo of this breakage does it, too):")
    console.print(f"  kill $(cat {place.pid})")
    console.print(f"  docker compose --file {shop.compose_file} down --volumes")


def document(stage: Stage, ending: Ending, seconds: float) -> dict[str, Any]:
    """Of one breakage; all times in seconds, `detected`, `decided` and `verified` since deploy was typed."""
    times = ending.figures
    rounded = {name: round(value, 3) for name, value in _seconds(ending).items()}
    return {
        "proven": ending.proven,
        "seconds": round(seconds, 1),
        "sign": times.sign,
        **rounded,
        "steps": times.steps,
        "comparisons": [asdict(comparison) for comparison in ending.comparisons],
        "displaced": {
            "database": ending.displaced,
            "beyond": {table: asdict(more) for table, more in ending.beyond.items()},
        },
        "slack": [text.partition("\n")[0] for text in ending.slack],
        "paths": paths(stage.place, ending),
    }


def _seconds(ending: Ending) -> dict[str, float]:
    times = ending.figures
    return {
        "detected": times.detected,
        "decided": times.decided,
        "verified": times.verified,
        "sign_to_detected": times.sign_to_detected,
        "sign_to_decided": times.sign_to_decided,
        "decided_to_verified": times.decided_to_verified,
        "containers_stopping": times.own.stopping,
        "containers_starting": times.own.starting,
        "containers_own": times.own.either,
        "ours": times.ours,
    }


def write(path: Path, results: dict[str, dict[str, Any]]) -> None:
    proven = all(result["proven"] for result in results.values())
    path.write_text(json.dumps({"proven": proven, "breakages": results}, indent=2) + "\n")


def tell_summary(console: Console, results: dict[str, dict[str, Any]]) -> None:
    """One row a breakage; all times in seconds."""
    columns = ("breakage", "sign to decision", "decision to verified", "of it ours", "compared", "back")
    table = Table(*columns, box=None, pad_edge=False)
    for breakage, result in results.items():
        if "error" in result:
            table.add_row(breakage, "-", "-", "-", "-", "[bold red]NO[/]")
            continue
        times = (f"{result[key]:.2f} s" for key in ("sign_to_decided", "decided_to_verified", "ours"))
        held = [comparison["holds"] for comparison in result["comparisons"]]
        table.add_row(breakage, *times, f"{sum(held)} of {len(held)}", MARK[result["proven"]])
    console.print()
    console.print(table)
