"""A valid configuration becomes the domain's values, defaults and overrides included."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from tests.settings.conftest import Host
from watchdog.backup.policy import BackupPolicy
from watchdog.deploy.policy import DeploymentPolicy
from watchdog.health.check import Check, Command, EngineHealth, Http, Severity, Sql, Tcp
from watchdog.rollback.policy import DatabasePolicy, Mode, RollbackPolicy, StandbyPolicy
from watchdog.settings import StackSettings
from watchdog.settings.build import FOLLOWING
from watchdog.stack import Database, Stack

SHOP = "stacks:\n  shop:\n    compose: COMPOSE\n"


def only(host: Host, text: str, environ: dict[str, str] | None = None) -> StackSettings:
    (stack,) = host.load(text, environ).stacks
    return stack


def test_three_lines_are_a_stack_without_a_database(host: Host) -> None:
    directory = host.compose.parent
    assert only(host, SHOP) == StackSettings(
        stack=Stack(name="shop", project="shop", directory=directory, files=(host.compose,)),
        checks=(),
        deployment=DeploymentPolicy(),
        backup=BackupPolicy(directory / "backups"),
        rollback=RollbackPolicy(),
    )


def test_every_section_reaches_the_domain(host: Host) -> None:
    text = (
        SHOP + "    directory: /srv/shop\n    project: sales\n    env_files: [prod.env, /etc/x.env]\n"
        "    config_files: [nginx.conf]\n    services: [backend]\n    migrations: [migrate]\n"
        "    databases: [{service: postgres, name: shop, user: me, password_file: SECRET}]\n"
        "    deployment: {min_healthy_time: 1s, healthy_deadline: 2m, monitor: 3h, restart_limit: 4,"
        " command_timeout: 5m}\n"
        "    backup: {directory: /backups, daily: off, keep_days: 8, min_keep: 2, compress_after: 1d,"
        " disk_reserve: 5MiB, hashes: sampled}\n"
        "    rollback: {mode: notify, database: if_changed, max_data_loss: 1m, standby: always,"
        " standby_max_size: 7MiB, keep_displaced: 5h}\n"
    )
    settings = only(host, text)
    assert settings.stack.project == "sales"
    assert [str(p) for p in settings.stack.env_files] == ["/srv/shop/prod.env", "/etc/x.env"]
    assert [str(p) for p in settings.stack.config_files] == ["/srv/shop/nginx.conf"]
    assert settings.stack.databases == (Database("postgres", "shop", "me", host.secret),)
    assert settings.stack.migrations == ("migrate",)
    assert settings.deployment == DeploymentPolicy(
        timedelta(seconds=1), timedelta(minutes=2), timedelta(hours=3), 4, timedelta(minutes=5)
    )
    assert (settings.backup.daily, settings.backup.keep) == (None, timedelta(days=8))
    assert (settings.backup.disk_reserve, str(settings.backup.directory)) == (5 * 1024**2, "/backups")
    assert settings.backup.hashes == "sampled"
    assert settings.rollback == RollbackPolicy(
        Mode.NOTIFY,
        DatabasePolicy.IF_CHANGED,
        timedelta(minutes=1),
        StandbyPolicy.ALWAYS,
        7 * 1024**2,
        timedelta(hours=5),
    )


def test_what_is_told_and_restarted_outside_of_deployments_reaches_the_domain(host: Host) -> None:
    settings = only(host, SHOP + "    alerts: {remind: [5m, 1h]}\n    on_unhealthy: restart\n")
    assert settings.alarms.remind == (timedelta(minutes=5), timedelta(hours=1))
    assert settings.on_unhealthy.restarts("backend")
    assert not only(host, SHOP).on_unhealthy.restarts("backend")


@pytest.mark.parametrize(
    ("words", "restarted"),
    [
        ("none", set()),
        ("restart", {"backend", "frontend"}),
        ("{backend: restart}", {"backend"}),
        ("{postgres: restart}", {"postgres"}),
        ("{'*': restart, frontend: none}", {"backend"}),
    ],
)
def test_the_services_that_may_be_restarted(host: Host, words: str, restarted: set[str]) -> None:
    """The databases' own only where they are named."""
    databases = "    databases: [{service: postgres, name: shop, user: me}]\n"
    policy = only(host, f"{SHOP}{databases}    on_unhealthy: {words}\n").on_unhealthy
    assert {s for s in ("backend", "frontend", "postgres") if policy.restarts(s)} == restarted


def test_each_kind_of_check_reaches_the_domain(host: Host) -> None:
    text = (
        SHOP + "    databases: [{service: postgres, name: shop, user: me}]\n    checks:\n"
        "      - {http: 'https://a.example/health/?token=x', status: 207, contains: ok, headers: {X-A: b},\n"
        "         verify_tls: no, interval: 1s, failure_threshold: 2, start_period: 0s}\n"
        "      - {http: 'https://a.example/health', redirects_to: keycloak, name: login, service: backend}\n"
        "      - {tcp: '[::1]:5432', severity: wanted}\n"
        "      - {sql: select 1, min: 1}\n"
        "      - {sql: select version, equals: 7}\n"
        "      - {docker: backend}\n"
        "      - {docker: backend, interval: 2s, start_period: 1m, failure_threshold: 9}\n"
        "      - {command: redis-cli -a 'pass word' ping, service: frontend}\n"
        "      - {command: [sh, -c, 'a | b'], service: frontend, name: piped}\n"
        "      - http: https://a.example/\n"
        "        json: {status: ok, 'nodes[0].up': true, load: 1, error: null}\n"
    )
    database = Database("postgres", "shop", "me")
    assert only(host, text).checks == (
        Check(
            "a.example/health",
            Http(
                "https://a.example/health/?token=x", (207,), "ok", headers=(("X-A", "b"),), verify_tls=False
            ),
            interval=timedelta(seconds=1),
            failure_threshold=2,
            start_period=timedelta(),
        ),
        Check("login", Http("https://a.example/health", redirects_to="keycloak"), service="backend"),
        Check("::1:5432", Tcp("::1", 5432), severity=Severity.WANTED),
        Check("sql shop", Sql("select 1", database, minimum=1), service="postgres"),
        Check("sql shop (2)", Sql("select version", database, equals="7"), service="postgres"),
        Check("docker backend", EngineHealth("backend"), service="backend", follows=FOLLOWING),
        Check(
            "docker backend (2)",
            EngineHealth("backend"),
            service="backend",
            interval=timedelta(seconds=2),
            start_period=timedelta(minutes=1),
            failure_threshold=9,
        ),
        Check(
            "command frontend",
            Command("frontend", ("redis-cli", "-a", "pass word", "ping")),
            service="frontend",
        ),
        Check("piped", Command("frontend", ("sh", "-c", "a | b")), service="frontend"),
        Check(
            "a.example",
            Http(
                "https://a.example/",
                json=(("status", "ok"), ("nodes[0].up", True), ("load", 1), ("error", None)),
            ),
        ),
    )


def test_a_server_outside_of_the_stack_reaches_the_domain(host: Host) -> None:
    text = (
        SHOP + "    databases: [{host: db.internal, port: 5433, name: shop, user: me, free_space: 2GiB}]\n"
        "    checks: [{sql: select 1}]\n"
    )
    settings = only(host, text)
    database = Database(None, "shop", "me", None, "db.internal", 5433, 2 * 1024**3)
    assert settings.stack.databases == (database,)
    assert (database.server, settings.stack.database_services) == ("db.internal:5433", frozenset())
    assert settings.checks == (Check("sql shop", Sql("select 1", database)),)


def test_a_time_of_day_needs_no_quotes(host: Host) -> None:
    assert only(host, SHOP + "    backup: {daily: 03:30}\n").backup.daily == time(3, 30)


def test_a_section_can_be_shared_by_an_anchor(host: Host) -> None:
    text = (
        SHOP + "    project: one\n    rollback: &quiet {mode: notify, max_data_loss: 1m}\n  blog:\n"
        "    compose: OTHER\n    rollback: {<<: *quiet, max_data_loss: 2m}\n"
    )
    shop, blog = host.load(text).stacks
    assert (shop.rollback.max_data_loss, blog.rollback.max_data_loss) == (
        timedelta(minutes=1),
        timedelta(minutes=2),
    )
    assert blog.rollback.mode is Mode.NOTIFY


def test_the_project_is_named_as_compose_would(host: Host) -> None:
    assert only(host, SHOP).stack.project == "shop"
    host.write("shop/compose.yaml", "name: sales\nservices: {}\n")
    assert only(host, SHOP).stack.project == "sales"
    host.write("shop/compose.yaml", "name: ${NAME}\nservices: {}\n")
    assert only(host, SHOP).stack.project == "shop"
    host.write("shop/.env", "A=b\nCOMPOSE_PROJECT_NAME='from-env'\n")
    assert only(host, SHOP).stack.project == "from-env"


def test_the_environment_overrides_the_file(host: Host) -> None:
    environ = {
        "OPS_WATCHDOG_SLACK__WEBHOOK_URL": "https://hooks.example.com/x",
        "OPS_WATCHDOG_STACKS__SHOP__ROLLBACK__MODE": "off",
        "OPS_WATCHDOG_STACKS__SHOP__SERVICES": '["backend"]',
        "OPS_WATCHDOG_CONFIG": "/not/used/since/a/path/is/given",
        "PATH": "/bin",
    }
    configuration = host.load(SHOP + "    rollback: {mode: auto, max_data_loss: 1m}\n", environ)
    (shop,) = configuration.stacks
    assert configuration.settings.slack is not None
    assert configuration.settings.slack.webhook().get_secret_value() == "https://hooks.example.com/x"
    assert shop.rollback == RollbackPolicy(Mode.OFF, max_data_loss=timedelta(minutes=1))
    assert shop.stack.services == ("backend",)


def test_docker_host_counts_where_the_file_names_none(host: Host) -> None:
    environ = {"DOCKER_HOST": "unix:///run/other.sock"}
    assert host.load(SHOP, environ).settings.docker.host == "unix:///run/other.sock"
    assert host.load(SHOP).settings.docker.host == "unix:///var/run/docker.sock"
    named = "docker: {host: unix:///run/named.sock}\n" + SHOP
    assert host.load(named, environ).settings.docker.host == "unix:///run/named.sock"


def test_a_wrong_override_names_the_variable(host: Host) -> None:
    environ = {
        "OPS_WATCHDOG_LOGG__LEVEL": "debug",
        "OPS_WATCHDOG_LOG__LEVEL": "loud",
        "OPS_WATCHDOG_STACKS__SHOP__SERVICES": "backend",
        "OPS_WATCHDOG_STACKS__BLOG__PROJECT": "blog",
        "DOCKER_HOST": "ssh://host",
    }
    assert host.faults("log: {level: info}\n" + SHOP, environ) == [
        "environment variable OPS_WATCHDOG_LOGG__LEVEL logg: unknown key; did you mean 'log'? "
        "Allowed: state_dir, socket, docker, log, slack, metrics, stacks, config",
        "environment variable DOCKER_HOST docker.host: must begin with unix:/// or tcp://",
        "environment variable OPS_WATCHDOG_LOG__LEVEL log.level: must be one of 'debug', 'info', 'warning' "
        "or 'error'",
        "environment variable OPS_WATCHDOG_STACKS__SHOP__SERVICES stacks.shop.services: must be a list, not "
        "text",
        "environment variable OPS_WATCHDOG_STACKS__BLOG__PROJECT stacks.blog.compose: is required",
    ]


def test_a_stack_that_no_required_check_watches_is_warned_about(host: Host) -> None:
    warning = (
        "config.yaml:4:13 stacks.shop.checks: no required check: only exits, restarts and HEALTHCHECKs can "
        "tell that a deployment failed"
    )
    (found,) = host.load(SHOP + "    checks: [{docker: backend, severity: wanted}]\n").warnings
    assert found.endswith(warning)
    assert not host.load(SHOP + "    checks: [{docker: backend}]\n").warnings
    assert not host.load(SHOP + "    rollback: {mode: notify}\n").warnings


def test_a_server_whose_room_nobody_can_tell_is_warned_about(host: Host) -> None:
    text = SHOP + "    checks: [{docker: backend}]\n    databases: [{host: db, name: shop, user: me}]\n"
    (found,) = host.load(text).warnings
    assert "stacks.shop.databases[0]: without free_space a rollback is refused" in found
    assert not host.load(text.replace("user: me", "user: me, free_space: 1GiB")).warnings


def test_a_standby_copy_that_no_rollback_would_use_is_warned_about(host: Host) -> None:
    text = SHOP + "    checks: [{docker: backend}]\n    rollback: {standby: always}\n"
    (found,) = host.load(text).warnings
    assert "stacks.shop.rollback.standby: no rollback of this stack restores a database" in found
    database = "    databases: [{service: postgres, name: shop, user: me}]\n"
    assert not host.load(text + database).warnings
    assert host.load(text.replace("always", "always, database: never") + database).warnings


@pytest.mark.parametrize(
    ("listen", "address", "warned"),
    [
        ("", ("127.0.0.1", 9187), False),
        ("127.0.0.2:1", ("127.0.0.2", 1), False),
        ("'[::1]:9187'", ("::1", 9187), False),
        ("localhost:9187", ("localhost", 9187), False),
        ("0.0.0.0:9187", ("0.0.0.0", 9187), True),
        ("'[::]:9187'", ("::", 9187), True),
        ("10.0.0.5:9187", ("10.0.0.5", 9187), True),
        ("monitor.internal:9187", ("monitor.internal", 9187), True),
    ],
)
def test_metrics_are_for_this_host_unless_somebody_says_otherwise(
    host: Host, listen: str, address: tuple[str, int], warned: bool
) -> None:
    section = f"metrics: {{listen: {listen}}}\n" if listen else "metrics: {}\n"
    configuration = host.load(section + SHOP + "    checks: [{docker: backend}]\n")
    assert configuration.settings.metrics is not None
    assert configuration.settings.metrics.address == address
    assert bool(configuration.warnings) is warned
    assert host.load(SHOP).settings.metrics is None


def test_a_maintenance_page_without_a_directory_is_warned_about(host: Host) -> None:
    text = SHOP + "    checks: [{docker: backend}]\n    maintenance_page: public/maintenance.html\n"
    (found,) = host.load(text).warnings
    assert found.endswith("5:23 stacks.shop.maintenance_page: its directory does not exist: no page is shown")
    (host.root / "shop/public").mkdir()
    assert not host.load(text).warnings
