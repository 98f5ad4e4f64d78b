"""`config`: options and words here, the work in `cli.config`."""

from __future__ import annotations

import click

from watchdog.cli.commands.options import as_json
from watchdog.cli.context import Context


@click.group()
def config() -> None:
    """Work with the configuration."""


@config.command("check")
@as_json
@click.pass_obj
def config_check(context: Context, as_json: bool) -> None:
    """Read the configuration and name every fault at once."""
    from watchdog.cli.config import check_configuration

    check_configuration(context, as_json)
