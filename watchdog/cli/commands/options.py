"""The options that many commands share."""

from __future__ import annotations

import click

as_json = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
stack_option = click.option(
    "--stack", metavar="NAME", help="Which stack; may be left out where there is one."
)
