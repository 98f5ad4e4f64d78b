"""`config check`: the configuration, read as the daemon would read it."""

from __future__ import annotations

import json

import click

from watchdog.cli.context import Context


def check_configuration(context: Context, as_json: bool) -> None:
    """Raises `ConfigError` with every fault; warnings are printed and change nothing."""
    configuration = context.configuration
    stacks = [settings.stack.name for settings in configuration.stacks]
    if as_json:
        document = {"path": str(configuration.path), "stacks": stacks, "warnings": configuration.warnings}
        click.echo(json.dumps(document))
        return
    for warning in configuration.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{configuration.path}: correct; guards {', '.join(stacks)}")
