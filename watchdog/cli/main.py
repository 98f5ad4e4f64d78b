"""The commands as click sees them: options and words here, the work in the module of each command.

Those of one noun are in `cli.commands`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from watchdog import __version__
from watchdog.cli.commands.backups import backups
from watchdog.cli.commands.config import config
from watchdog.cli.commands.decide import abort, approve
from watchdog.cli.commands.incidents import incidents
from watchdog.cli.commands.options import as_json, stack_option
from watchdog.cli.commands.suspend import maintenance, pause
from watchdog.cli.context import Context
from watchdog.errors import WatchdogError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ops-watchdog")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file [default: $OPS_WATCHDOG_CONFIG, else /etc/ops-watchdog/config.yaml].",
)
@click.pass_context
def commands(context: click.Context, config: Path | None) -> None:
    """Guard a Docker Compose project with PostgreSQL: back up, notice a bad deployment, roll it back."""
    context.obj = Context(config)


@commands.command()
@click.pass_obj
def run(context: Context) -> None:
    """Run the daemon in the foreground (what systemd starts)."""
    from watchdog.cli.footprint import stay_small

    stay_small()
    from watchdog.cli.run import run as run_daemon

    asyncio.run(run_daemon(context))


@commands.command(context_settings={"ignore_unknown_options": False})
@stack_option
@click.option("--no-rollback", is_flag=True, help="Report a failure, roll nothing back.")
@click.argument("command", nargs=-1, required=True)
@click.pass_obj
def deploy(context: Context, stack: str | None, no_rollback: bool, command: tuple[str, ...]) -> None:
    """Back up, run COMMAND here, and watch: ops-watchdog deploy -- docker compose up -d.

    Returns 0 once the deployment is healthy, 1 if it failed (rolled back or not), 3 if it was refused.
    """
    from watchdog.cli.deploy import deploy as run_deployment

    sys.exit(asyncio.run(run_deployment(context, stack, command, no_rollback)))


@commands.command()
@stack_option
@as_json
@click.pass_obj
def backup(context: Context, stack: str | None, as_json: bool) -> None:
    """Make a backup of database, configuration and container state now."""
    from watchdog.cli.backups import make

    asyncio.run(make(context, stack, as_json))


@commands.command()
@stack_option
@click.option(
    "--backup-timestamp",
    metavar="TS",
    help="Which backup (YYYYMMDD_HHMMSS) [default: the newest of another release than the one that runs, "
    "with --database-only the newest].",
)
@click.option("--keep-database", is_flag=True, help="Images and configuration only.")
@click.option("--database-only", is_flag=True, help="The database only; the same containers start again.")
@click.option("--undo", metavar="ID", help="Bring back what this rollback replaced and displaced.")
@click.option("--plan", is_flag=True, help="Show what would be done and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_obj
def rollback(context: Context, /, stack: str | None, as_json: bool, **options: Any) -> None:
    """Bring database, configuration and images back to a backup.

    On a terminal it offers the backups, shows the plan and asks. What was written since is displaced, not
    lost: --undo brings it back, 'incidents salvage' gets at its rows. Returns 0 done (or the plan has no
    obstacle), 1 failed or held, 3 if it was refused and nothing was touched.
    """
    from watchdog.cli.rollback import rollback as roll_back

    sys.exit(asyncio.run(roll_back(context, stack, as_json=as_json, **options)))


@commands.command()
@stack_option
@as_json
@click.pass_obj
def status(context: Context, stack: str | None, as_json: bool) -> None:
    """Show whether automatic rollback is armed (or why not), and how everything is."""
    from watchdog.cli.status import status as show_status

    asyncio.run(show_status(context, stack, as_json))


@commands.command()
@stack_option
@as_json
@click.argument("about", metavar="[ID]", required=False)
@click.pass_obj
def explain(context: Context, stack: str | None, about: str | None, as_json: bool) -> None:
    """Tell why a deployment was rolled back, or why not [default: the newest], and what would happen now.

    ID: a deployment, a rollback or an incident, as 'status' and 'incidents list' show them.
    """
    from watchdog.cli.explain import explain as tell

    asyncio.run(tell(context, stack, about, as_json))


@commands.command()
@stack_option
@click.option("--service", metavar="NAME", help="Only the checks of this service.")
@as_json
@click.pass_obj
def check(context: Context, stack: str | None, service: str | None, as_json: bool) -> None:
    """Run the health checks once, now. Returns 1 where a required one is bad."""
    from watchdog.cli.check import check as run_checks

    sys.exit(asyncio.run(run_checks(context, stack, service, as_json)))


for command in (backups, incidents, config, approve, abort, pause, maintenance):
    commands.add_command(command)


def main() -> NoReturn:
    """Entry point: errors of ours become one message and an exit code that tells the truth."""
    _guarded(commands)


def _guarded(command: Callable[..., Any]) -> NoReturn:
    try:
        command(prog_name="ops-watchdog")
    except WatchdogError as error:
        click.echo(f"ops-watchdog: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)
