"""`deploy`: runs the command here, in a terminal that it may use, while the daemon watches."""

from __future__ import annotations

import signal

import click

from watchdog.app import terminal_command
from watchdog.cli.context import Context
from watchdog.cli.lines import Printer
from watchdog.cli.talk import talk


async def deploy(context: Context, stack: str | None, argv: tuple[str, ...], no_rollback: bool) -> int:
    """The exit code: 0 once healthy, 1 when it failed."""
    # Ctrl-C reaches the command, which shares the terminal; its exit code then tells what to do
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    request = {"command": "deploy", "stack": stack, "argv": list(argv), "no_rollback": no_rollback}
    result = await talk(context, request, Printer(), terminal_command(argv))
    click.echo(f"deployment {result['deployment']}: {result['state']}")
    return 0 if result["state"] == "healthy" else 1
