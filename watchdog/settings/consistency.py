"""What no single section can know: faults and warnings across sections and compose files. Pure.

Every finding is a key's path and a text without values; names of services that exist and durations excepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from watchdog.backup.files import dump_name
from watchdog.database.names import is_displaced, is_side
from watchdog.health.check import Severity
from watchdog.rollback.policy import DatabasePolicy, Mode, StandbyPolicy
from watchdog.settings import timing
from watchdog.settings.build import database_of
from watchdog.settings.checks import CommandCheck, DockerCheck, SqlCheck
from watchdog.settings.document import KeyPath
from watchdog.settings.fault import Finding, dotted
from watchdog.settings.sections import MetricsSection
from watchdog.settings.stacks import EVERY, StackSection


@dataclass(frozen=True, slots=True)
class Declared:
    """A stack's section with what its compose files say; `services` None: cannot be known."""

    name: str
    section: StackSection
    services: frozenset[str] | None
    project: str

    @property
    def path(self) -> KeyPath:
        return ("stacks", self.name)


def faults(stacks: Sequence[Declared]) -> Iterator[Finding]:
    """What makes the configuration unusable."""
    for stack in stacks:
        yield from _unknown_services(stack)
        yield from _sql_without_database(stack)
        yield from _names_given_twice(stack)
        yield from _databases_misnamed(stack)
        yield from _checks_of_what_ends(stack)
        yield from timing.faults(stack.path, stack.section)
    yield from _shared_projects(stacks)
    yield from _shared_databases(stacks)
    yield from _shared_backups(stacks)
    yield from _shared_pages(stacks)


def warnings(stacks: Sequence[Declared]) -> Iterator[Finding]:
    """What works, but hardly as meant."""
    for stack in stacks:
        yield from _nothing_required(stack)
        yield from timing.warnings(stack.path, stack.section)
        yield from _room_unknown(stack)
        yield from _standby_for_nothing(stack)


def _nothing_required(stack: Declared) -> Iterator[Finding]:
    """Not a fault: the services' own HEALTHCHECKs may be enough, and images are not known here."""
    required = any(check.severity is Severity.REQUIRED for check in stack.section.checks)
    if stack.section.rollback.mode in {Mode.AUTO, Mode.APPROVE} and not required:
        text = "no required check: only exits, restarts and HEALTHCHECKs can tell that a deployment failed"
        yield (*stack.path, "checks"), text


def open_to_strangers(metrics: MetricsSection | None) -> Iterator[Finding]:
    """What may be meant so, and hardly is."""
    if metrics is not None and not metrics.local:
        text = "whoever reaches this address reads the metrics: nothing asks for a password (127.0.0.1:PORT)"
        yield ("metrics", "listen"), text


def _room_unknown(stack: Declared) -> Iterator[Finding]:
    for index, database in enumerate(stack.section.databases):
        if database.host is not None and database.free_space is None:
            text = "without free_space a rollback is refused: how much room this server has cannot be seen"
            yield (*stack.path, "databases", index), text


def _standby_for_nothing(stack: Declared) -> Iterator[Finding]:
    rollback = stack.section.rollback
    never = not stack.section.databases or rollback.database is DatabasePolicy.NEVER
    if rollback.standby is StandbyPolicy.ALWAYS and never:
        text = "no rollback of this stack restores a database, so no standby copy is made"
        yield (*stack.path, "rollback", "standby"), text


def _unknown_services(stack: Declared) -> Iterator[Finding]:
    if stack.services is None:
        return
    for path, service in _named_services(stack.section):
        if service not in stack.services:
            known = ", ".join(sorted(stack.services)) or "none"
            yield (*stack.path, *path), f"no such service in the compose files; they define: {known}"


def _named_services(section: StackSection) -> Iterator[tuple[KeyPath, str]]:
    for index, service in enumerate(section.services):
        yield ("services", index), service
    for index, service in enumerate(section.migrations):
        yield ("migrations", index), service
    for index, database in enumerate(section.databases):
        if database.service is not None:
            yield ("databases", index, "service"), database.service
    for index, check in enumerate(section.checks):
        if check.service is not None:
            yield ("checks", index, "service"), check.service
        if isinstance(check, DockerCheck):
            yield ("checks", index, "docker"), check.docker
    for service in section.on_unhealthy:
        if service != EVERY:
            yield ("on_unhealthy", service), service


def _sql_without_database(stack: Declared) -> Iterator[Finding]:
    databases = tuple(database.declared() for database in stack.section.databases)
    for index, check in enumerate(stack.section.checks):
        if isinstance(check, SqlCheck) and database_of(check, databases) is None:
            place = dotted((*stack.path, "databases"))
            text = (
                f"must name one of {place}" if databases else "needs a database, and the stack declares none"
            )
            yield (*stack.path, "checks", index, "database"), text


def _names_given_twice(stack: Declared) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for index, check in enumerate(stack.section.checks):
        if check.name is not None and first.setdefault(check.name, index) != index:
            place = dotted((*stack.path, "checks", first[check.name]))
            yield (*stack.path, "checks", index, "name"), f"is the name of {place} already"


def _databases_misnamed(stack: Declared) -> Iterator[Finding]:
    """Each has a dump file of its own, and none the name of what we create and drop ourselves."""
    first: dict[str, int] = {}
    for index, database in enumerate(stack.section.databases):
        path, name = (*stack.path, "databases", index, "name"), database.name
        if is_side(name) or is_displaced(name):
            text = "is a name that ops-watchdog gives to copies, which it drops: rename the database"
            yield path, text
        if first.setdefault(dump_name("", name), index) != index:
            place = dotted((*stack.path, "databases", first[dump_name("", name)]))
            yield (
                path,
                f"would have the same dump file as {place}: a stack knows its databases by name",
            )


def _checks_of_what_ends(stack: Declared) -> Iterator[Finding]:
    for index, check in enumerate(stack.section.checks):
        key = "docker" if isinstance(check, DockerCheck) else "service"
        if isinstance(check, DockerCheck | CommandCheck) and getattr(check, key) in stack.section.migrations:
            text = "is a migration, which ends: such a check would always be bad; its exit code decides"
            yield (*stack.path, "checks", index, key), text


def _shared_projects(stacks: Sequence[Declared]) -> Iterator[Finding]:
    projects: dict[str, str] = {}
    for stack in stacks:
        other = projects.setdefault(stack.project, stack.name)
        if other != stack.name:
            key = "project" if stack.section.project else "compose"
            yield (*stack.path, key), f"is the same project as that of {dotted(('stacks', other))}"
    files: dict[Path, str] = {}
    for stack in stacks:
        for index, file in enumerate(stack.section.compose):
            other = files.setdefault(file.resolve(), stack.name)
            if other != stack.name and index == 0:
                yield (*stack.path, "compose"), f"is the compose file of {dotted(('stacks', other))} already"


def _shared_databases(stacks: Sequence[Declared]) -> Iterator[Finding]:
    seen: dict[tuple[str, str, str], KeyPath] = {}
    for stack in stacks:
        for index, database in enumerate(stack.section.databases):
            path = (*stack.path, "databases", index)
            project = stack.project if database.host is None else ""
            key = (project, database.declared().server, database.name)
            if seen.setdefault(key, path) != path:
                yield path, f"is the database of {dotted(seen[key])} already: one stack restores it, not two"


def _shared_backups(stacks: Sequence[Declared]) -> Iterator[Finding]:
    """Each would list, restore and delete the other's sets: their names do not tell whose they are."""
    seen: dict[Path, str] = {}
    for stack in stacks:
        directory = (stack.section.project_directory / stack.section.backup.directory).resolve()
        other = seen.setdefault(directory, stack.name)
        if other != stack.name:
            path = (*stack.path, "backup", "directory")
            text = f"is the backup directory of {dotted(('stacks', other))} already: give each stack its own"
            yield path, text


def _shared_pages(stacks: Sequence[Declared]) -> Iterator[Finding]:
    """The first of two stacks whose maintenance ends would remove the page of the other."""
    seen: dict[Path, str] = {}
    for stack in stacks:
        if stack.section.maintenance_page is None:
            continue
        page = (stack.section.project_directory / stack.section.maintenance_page).resolve()
        other = seen.setdefault(page, stack.name)
        if other != stack.name:
            text = f"is the page of {dotted(('stacks', other))} already: give each stack its own"
            yield (*stack.path, "maintenance_page"), text
