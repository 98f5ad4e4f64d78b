"""The commands as click sees them: options and words here, the work in the module of each command."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from watchdog import __version__
from watchdog.cli.context import Context
from watchdog.errors import WatchdogError

as_json = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
stack_option = click.option(
    "--stack", metavar="NAME", help="Which stack; may be left out where there is one."
)


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


@commands.group()
def backups() -> None:
    """Look at the backups."""


@backups.command("list")
@stack_option
@as_json
@click.pass_obj
def backups_list(context: Context, stack: str | None, as_json: bool) -> None:
    """List the backups, newest first, with what is known of each."""
    from watchdog.cli.backups import show_all

    show_all(context, stack, as_json)


@backups.command("show")
@stack_option
@as_json
@click.argument("timestamp", metavar="TS")
@click.pass_obj
def backups_show(context: Context, stack: str | None, timestamp: str, as_json: bool) -> None:
    """Show what one backup holds, what is known of it, and how long it stays."""
    from watchdog.cli.backups import show

    asyncio.run(show(context, stack, timestamp, as_json))


@backups.command("verify")
@stack_option
@click.option("--checksums-only", is_flag=True, help="Read the files back, restore nothing.")
@as_json
@click.argument("timestamp", metavar="[TS]", required=False)
@click.pass_obj
def backups_verify(context: Context, /, stack: str | None, **options: Any) -> None:
    """Restore a backup beside the live database and compare it [default: the newest].

    Returns 0 where it is what was backed up, 1 where it is not or no server answers, 3 if it was refused.
    """
    from watchdog.cli.backups import verify

    asyncio.run(verify(context, stack, **options))


@backups.command("pin")
@stack_option
@click.option("--unpin", is_flag=True, help="Let it expire again.")
@as_json
@click.argument("timestamp", metavar="TS")
@click.pass_obj
def backups_pin(context: Context, stack: str | None, timestamp: str, unpin: bool, as_json: bool) -> None:
    """Keep a backup whatever its age."""
    from watchdog.cli.backups import pin

    asyncio.run(pin(context, stack, timestamp, not unpin, as_json))


@backups.command("prune")
@stack_option
@click.option("--dry-run", is_flag=True, help="Only tell what would be deleted.")
@as_json
@click.pass_obj
def backups_prune(context: Context, stack: str | None, dry_run: bool, as_json: bool) -> None:
    """Delete the backups that expired, and tell why the others stay."""
    from watchdog.cli.backups import prune

    asyncio.run(prune(context, stack, dry_run, as_json))


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
@click.option("--service", metavar="NAME", help="Only the checks of this service.")
@as_json
@click.pass_obj
def check(context: Context, stack: str | None, service: str | None, as_json: bool) -> None:
    """Run the health checks once, now. Returns 1 where a required one is bad."""
    from watchdog.cli.check import check as run_checks

    sys.exit(asyncio.run(run_checks(context, stack, service, as_json)))


@commands.group()
def incidents() -> None:
    """Look at what went wrong, and get at the rows that a rollback displaced."""


@incidents.command("list")
@stack_option
@as_json
@click.pass_obj
def incidents_list(context: Context, stack: str | None, as_json: bool) -> None:
    """List the incidents, newest first, with what each displaced."""
    from watchdog.cli.incidents import show_all

    asyncio.run(show_all(context, stack, as_json))


@incidents.command("show")
@stack_option
@as_json
@click.argument("incident", metavar="ID")
@click.pass_obj
def incidents_show(context: Context, stack: str | None, incident: str, as_json: bool) -> None:
    """Show the report of one incident."""
    from watchdog.cli.incidents import show

    asyncio.run(show(context, stack, incident, as_json))


@incidents.command("salvage")
@stack_option
@click.option("--table", "tables", metavar="T", multiple=True, help="Only this table; may be repeated.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the files go [default: the incident's own directory].",
)
@click.option("--apply", is_flag=True, help="Put the rows that fit back into the live database.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.argument("incident", metavar="ID")
@click.pass_obj
def incidents_salvage(context: Context, /, stack: str | None, incident: str, **options: Any) -> None:
    """Write the rows that a rollback displaced as CSV and as SQL, table by table.

    Inserted and updated rows, and the keys of deleted ones. With --apply, inserted rows whose keys are free
    and that fit go back, all in one transaction; the user's triggers do not fire, foreign keys are checked.
    Returns 0 done, 1 where rows did not fit or it failed, 3 if it was refused.
    """
    from watchdog.cli.incidents import salvage

    sys.exit(asyncio.run(salvage(context, stack, incident, **options)))


@commands.group()
def config() -> None:
    """Work with the configuration."""


@config.command("check")
@as_json
@click.pass_obj
def config_check(context: Context, as_json: bool) -> None:
    """Read the configuration and name every fault at once."""
    from watchdog.cli.config import check_configuration

    check_configuration(context, as_json)


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
