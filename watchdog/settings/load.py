"""The configuration, read whole or not at all: every fault in one `ConfigError`, a line each.

Called at start, by `config check`, and on SIGHUP, where a ConfigError means that the old one stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from watchdog.errors import ConfigError
from watchdog.settings import consistency
from watchdog.settings.build import StackSettings, build_stack
from watchdog.settings.compose import ComposeFile, project_name, read_compose, services_of
from watchdog.settings.consistency import Declared
from watchdog.settings.document import Document, Unparseable, read_document
from watchdog.settings.environment import (
    CONFIG,
    Overrides,
    merged,
    overrides,
    unknown_variables,
    with_docker_host,
)
from watchdog.settings.fault import Fault, Finding, Locator, faults_of, suggestion
from watchdog.settings.sections import Settings
from watchdog.settings.stacks import StackSection

DEFAULT_PATH = Path("/etc/ops-watchdog/config.yaml")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What was read: the file it came from, the sections, the stacks in the domain's words, and warnings."""

    path: Path
    settings: Settings
    stacks: tuple[StackSettings, ...]
    warnings: tuple[str, ...] = ()


def load(path: Path | None, environ: Mapping[str, str]) -> Configuration:
    """Read `path`, else the file that OPS_WATCHDOG_CONFIG names, else the default one.

    Raises `ConfigError` whose message lists every fault.
    """
    chosen = path or Path(environ.get(CONFIG) or DEFAULT_PATH)
    document = _read(chosen)
    found = with_docker_host(document.values, overrides(environ), environ)
    locator = Locator(str(chosen), document, found.values, found.variables)
    faults = [locator.at(*fault) for fault in document.faults]
    faults += unknown_variables(environ) + _unknown_sections(document, locator)
    settings = _validated(document, found, locator, faults)
    declared = [_declared(name, section, locator, faults) for name, section in settings.stacks.items()]
    faults += [locator.fault(*finding) for finding in consistency.faults(declared)]
    _refuse(faults)
    findings = (
        *consistency.open_to_strangers(settings.metrics),
        *consistency.warnings(declared),
        *_pages_without_a_place(declared),
    )
    return Configuration(
        path=chosen,
        settings=settings,
        stacks=tuple(build_stack(stack.name, stack.section, stack.project) for stack in declared),
        warnings=tuple(str(locator.fault(*finding)) for finding in findings),
    )


def _read(path: Path) -> Document:
    try:
        return read_document(path.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"the configuration {path} cannot be read: {error.strerror}; write it (config/example.yaml "
            f"explains every key), or name another with --config or {CONFIG}"
        ) from None
    except Unparseable as error:
        line, column = error.position
        raise ConfigError(str(Fault(f"{path}:{line}:{column}", "", str(error)))) from None


def _unknown_sections(document: Document, locator: Locator) -> list[Fault]:
    known = list(Settings.model_fields)
    return [
        locator.fault((key,), suggestion(key, known), at_key=True)
        for key in document.values
        if key not in known
    ]


def _validated(document: Document, found: Overrides, locator: Locator, faults: list[Fault]) -> Settings:
    # Unknown sections are reported already; as arguments, names such as `_env_file` would mean something.
    known = {key: value for key, value in document.values.items() if key in Settings.model_fields}
    try:
        settings = Settings(**merged(known, found.values))
    except ValidationError as error:
        faults += faults_of(error, locator)
    _refuse(faults)
    return settings


def _declared(name: str, section: StackSection, locator: Locator, faults: list[Fault]) -> Declared:
    files: list[ComposeFile] = []
    readable = True
    for index, path in enumerate(section.compose):
        try:
            files.append(read_compose(path.read_bytes()))
        except (OSError, Unparseable) as error:
            faults.append(locator.fault(("stacks", name, "compose", index), _compose_fault(error)))
            readable = False
    services = services_of(files) if readable else None
    return Declared(
        name, section, services, section.project or project_name(files, section.project_directory)
    )


def _pages_without_a_place(stacks: Iterable[Declared]) -> Iterator[Finding]:
    """A warning: the product's own start may make the directory."""
    for stack in stacks:
        page = stack.section.maintenance_page
        if page is not None and not (stack.section.project_directory / page).parent.is_dir():
            yield (*stack.path, "maintenance_page"), "its directory does not exist: no page is shown"


def _compose_fault(error: OSError | Unparseable) -> str:
    if isinstance(error, Unparseable):
        line, column = error.position
        return f"the compose file cannot be parsed, line {line}, column {column}: {error}"
    return f"cannot be read: {error.strerror}"


def _refuse(faults: list[Fault]) -> None:
    if faults:
        ordered = sorted(dict.fromkeys(faults), key=lambda fault: fault.position)
        raise ConfigError("\n".join(map(str, ordered)))
