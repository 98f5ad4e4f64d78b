"""`explain`: why it was rolled back, or why not, for somebody who was woken by it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from watchdog.cli.console import console
from watchdog.cli.context import Context
from watchdog.cli.lines import Printer
from watchdog.cli.talk import talk

COLOURS = {
    "verdict": "yellow",
    "refusal": "red",
    "quarantine": "red",
    "decision": "bold",
    "rollback": "bold",
    "deployment": "cyan",
    "alert": "dim",
    "audit": "dim",
    "step": "dim",
}


async def explain(context: Context, stack: str | None, about: str | None, as_json: bool) -> None:
    """Of the newest deployment or rollback, or of the one named."""
    request = {"command": "explain", "stack": stack, "id": about}
    document = await talk(context, request, Printer(quiet=as_json))
    if as_json:
        click.echo(json.dumps(document))
        return
    show(console(), document)


def show(out: Console, document: Mapping[str, Any]) -> None:
    """The answer first, then how it came to it, then how it stands now."""
    out.print(f"[bold]{escape(document['stack'])}[/]: {escape(document['answer'])}", soft_wrap=True)
    if document["lines"]:
        out.print()
        out.print(_drawn(document["lines"]))
        out.print()
    colour = "green" if document["now"]["armed"] else "red"
    out.print(f"[{colour}]now[/]: {escape(document['now']['answer'])}", soft_wrap=True)


def _drawn(lines: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", min_width=20)
    day = ""
    for line in lines:
        moment = datetime.fromisoformat(line["at"]).astimezone()
        date = f"{moment:%Y-%m-%d} " if f"{moment:%Y-%m-%d}" != day else ""
        day = f"{moment:%Y-%m-%d}"
        colour = COLOURS.get(line["kind"], "default")
        kind, text = escape(line["kind"]), escape(line["text"].replace("\n", "; "))
        table.add_row(f"{date:>11}{moment:%H:%M:%S}", _since(line["seconds"]), f"[{colour}]{kind}[/]", text)
    return table


def _since(seconds: float) -> str:
    """After the beginning; what was before has none."""
    return f"{seconds:+.1f} s" if seconds >= 0 else ""
