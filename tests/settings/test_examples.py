"""What lies in `config/` is read by the program itself, so that it cannot be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML

from tests.settings.conftest import Host
from watchdog.health.check import Http, Severity, Sql
from watchdog.rollback.policy import Mode
from watchdog.settings import Settings
from watchdog.settings.checks import CommandCheck, DockerCheck, HttpCheck, SqlCheck, TcpCheck
from watchdog.settings.sections import DockerSection, LogSection, MetricsSection
from watchdog.settings.stacks import (
    AlertsSection,
    BackupSection,
    DatabaseSection,
    DeploymentSection,
    RollbackSection,
    StackSection,
)

CONFIG = Path(__file__).parents[2] / "config"
SHOP = "services: {backend: {}, frontend: {}, migrate: {}, postgres: {}, redis: {}}\n"


def example(host: Host) -> str:
    """The example with its paths moved to where their files lie."""
    host.write("opt/shop/compose.yaml", SHOP)
    host.write("opt/shop/compose.prod.yaml", "services: {backend: {}}\n")
    host.write("opt/blog/compose.yaml", "services: {web: {}}\n")
    (host.root / "opt/shop/public").mkdir(exist_ok=True)
    host.write("etc/slack", "https://hooks.example.com/services/x\n")
    host.write("etc/shop-password", "sesame\n")
    host.write("etc/shop-token", "sesame\n")
    return moved((CONFIG / "example.yaml").read_text(), host)


def moved(text: str, host: Host) -> str:
    return text.replace("/opt/", f"{host.root}/opt/").replace("/etc/ops-watchdog/", f"{host.root}/etc/")


def test_the_manual_is_valid(host: Host) -> None:
    configuration = host.load(example(host))
    assert [settings.stack.name for settings in configuration.stacks] == ["shop", "blog"]
    assert configuration.warnings == ()


def test_the_manual_shows_every_key(host: Host) -> None:
    document: dict[str, Any] = YAML(typ="safe", pure=True).load(example(host))
    shop = document["stacks"]["shop"]
    assert_shown(Settings, [document])
    assert_shown(StackSection, [shop])
    for name, section in (
        ("deployment", DeploymentSection),
        ("backup", BackupSection),
        ("rollback", RollbackSection),
        ("alerts", AlertsSection),
    ):
        assert_shown(section, [shop[name]])
    assert_shown(DatabaseSection, shop["databases"])
    assert_shown(HttpCheck, shop["checks"])
    for kind in (TcpCheck, SqlCheck, DockerCheck, CommandCheck):
        assert_shown(kind, shop["checks"])


def assert_shown(section: type[BaseModel], shown: list[dict[str, Any]]) -> None:
    keys = {field.alias or name for name, field in section.model_fields.items()}
    missing = keys - {key for mapping in shown for key in mapping}
    assert not missing, f"{section.__name__}: {missing}"


def test_the_manual_shows_the_defaults(host: Host) -> None:
    settings = host.load(example(host)).settings
    shop = settings.stacks["shop"]
    assert shop.deployment == DeploymentSection()
    assert shop.backup == BackupSection()
    assert shop.rollback == RollbackSection()
    assert shop.alerts == AlertsSection()
    assert (settings.docker, settings.log) == (DockerSection(), LogSection())
    assert settings.metrics == MetricsSection()
    for name in ("state_dir", "socket"):
        assert getattr(settings, name) == Settings.model_fields[name].default
    first = shop.checks[0]
    for name in ("severity", "interval", "timeout", "start_period", "failure_threshold", "success_threshold"):
        assert getattr(first, name) == HttpCheck.model_fields[name].default


def test_ops_center_is_the_stack_of_the_guide(host: Host) -> None:
    host.write(
        "opt/ops-center/docker-compose.prod.yml",
        "services:\n  ops-center-backend: {container_name: ops-center-direct}\n  ops-center-frontend: {}\n"
        "  unicorn-postgresql: {container_name: unicorn-postgresql}\n  unicorn-redis: {}\n",
    )
    (host.root / "opt/ops-center/public").mkdir()
    host.write("etc/slack", "https://hooks.example.com/services/x\n")
    configuration = host.load(moved((CONFIG / "ops-center.yaml").read_text(), host))
    (guarded,) = configuration.stacks
    assert configuration.warnings == ()
    assert guarded.stack.services == ("ops-center-backend", "ops-center-frontend")
    (database,) = guarded.stack.databases
    assert (database.service, database.name, database.user) == ("unicorn-postgresql", "unicorn_db", "unicorn")
    assert guarded.backup.directory == host.root / "opt/ops-center/backups"
    assert guarded.rollback.mode is Mode.AUTO
    services = {check.service for check in guarded.checks}
    assert {"ops-center-backend", "ops-center-frontend", "unicorn-postgresql", "unicorn-redis"} == services
    probes = {check.name: check.probe for check in guarded.checks if check.severity is Severity.REQUIRED}
    assert probes["users"] == Sql("select count(*) from users", database, minimum=1)
    assert probes["login"] == Http("https://your-domain.com/auth/oidc/login", redirects_to="keycloak")
    assert {"health", "system status", "homepage"} <= set(probes)


def test_ops_center_takes_at_most_25_lines_beside_its_comments() -> None:
    lines = (CONFIG / "ops-center.yaml").read_text().splitlines()
    assert len([line for line in lines if line.strip() and not line.strip().startswith("#")]) <= 25
