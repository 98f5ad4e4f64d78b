"""Sections that are right each by itself and wrong together, or against the compose files, are named."""

from __future__ import annotations

import pytest

from tests.settings.conftest import Host

SHOP = "stacks:\n  shop:\n    compose: COMPOSE\n"
DATABASE = "    databases: [{service: postgres, name: shop, user: shop}]\n"

ACROSS = {
    "check of an unknown service": (
        SHOP + "    checks:\n      - {docker: backed}\n",
        "5:18 stacks.shop.checks[0].docker: no such service in the compose files; "
        "they define: backend, frontend, migrate, postgres",
    ),
    "check about an unknown service": (
        SHOP + "    checks: [{tcp: 'a:1', service: backed}]\n",
        "4:36 stacks.shop.checks[0].service: no such service in the compose files; "
        "they define: backend, frontend, migrate, postgres",
    ),
    "unknown service that may be restarted": (
        SHOP + "    on_unhealthy: {backed: restart}\n",
        "4:28 stacks.shop.on_unhealthy.backed: no such service in the compose files; "
        "they define: backend, frontend, migrate, postgres",
    ),
    "database of an unknown service": (
        SHOP + "    databases: [{service: mysql, name: shop, user: shop}]\n",
        "4:27 stacks.shop.databases[0].service: no such service in the compose files; "
        "they define: backend, frontend, migrate, postgres",
    ),
    "query without a database": (
        SHOP + "    checks: [{sql: select 1}]\n",
        "4:14 stacks.shop.checks[0].database: needs a database, and the stack declares none",
    ),
    "query for an unknown database": (
        SHOP + DATABASE + "    checks: [{sql: select 1, database: blog}]\n",
        "5:40 stacks.shop.checks[0].database: must name one of stacks.shop.databases",
    ),
    "name given twice": (
        SHOP + "    checks: [{tcp: 'a:1', name: x}, {tcp: 'a:2', name: x}]\n",
        "4:56 stacks.shop.checks[1].name: is the name of stacks.shop.checks[0] already",
    ),
    "two databases of one name on two servers": (
        SHOP
        + "    databases: [{service: postgres, name: shop, user: shop}, {host: db, name: shop, user: x}]\n",
        "4:79 stacks.shop.databases[1].name: would have the same dump file as stacks.shop.databases[0]: "
        "a stack knows its databases by name",
    ),
    "two databases of one file name": (
        SHOP
        + "    databases: [{service: postgres, name: a.b, user: x},"
        + " {service: postgres, name: a_b, user: x}]\n",
        "4:84 stacks.shop.databases[1].name: would have the same dump file as stacks.shop.databases[0]: "
        "a stack knows its databases by name",
    ),
    "database called like a copy of ours": (
        SHOP + "    databases: [{service: postgres, name: shop_standby_20261120_090000, user: shop}]\n",
        "4:43 stacks.shop.databases[0].name: is a name that ops-watchdog gives to copies, which it drops: "
        "rename the database",
    ),
    "database called like a displaced one": (
        SHOP + "    databases: [{service: postgres, name: shop_pre_rollback_20261120_090000, user: shop}]\n",
        "4:43 stacks.shop.databases[0].name: is a name that ops-watchdog gives to copies, which it drops: "
        "rename the database",
    ),
    "window that cannot see": (
        SHOP + "    checks: [{tcp: 'a:1', start_period: 50s}]\n    deployment: {monitor: 1m}\n",
        "5:27 stacks.shop.deployment.monitor: 1m is too short to see stacks.shop.checks[0] fail, which takes "
        "start_period + interval x failure_threshold = 1m5s",
    ),
    "deadline shorter than a slow start": (
        SHOP + "    checks: [{tcp: 'a:1', start_period: 10m}]\n    deployment: {monitor: 1h}\n",
        "5:5 stacks.shop.deployment.healthy_deadline: 5m is shorter than start_period = 10m of "
        "stacks.shop.checks[0]: a slow start would be a failure",
    ),
    "deadline too short for so many answers": (
        SHOP + "    checks: [{tcp: 'a:1', interval: 1m, success_threshold: 6}]\n",
        "2:3 stacks.shop.deployment.healthy_deadline: 5m is too short to see stacks.shop.checks[0] turn "
        "green, which takes up to interval x success_threshold = 6m",
    ),
    "deadline shorter than health": (
        SHOP + "    deployment: {healthy_deadline: 20s}\n",
        "4:36 stacks.shop.deployment.healthy_deadline: 20s is shorter than min_healthy_time = 30s",
    ),
    "window that a HEALTHCHECK cannot excuse": (
        SHOP + "    checks: [{docker: backend, interval: 1m, failure_threshold: 11}]\n",
        "2:3 stacks.shop.deployment.monitor: 10m is too short to see stacks.shop.checks[0] fail, which takes "
        "start_period + interval x failure_threshold = 11m",
    ),
    "check of a migration": (
        SHOP + "    migrations: [migrate]\n    checks: [{docker: migrate}]\n",
        "5:23 stacks.shop.checks[0].docker: is a migration, which ends: such a check would always be bad; "
        "its exit code decides",
    ),
    "command in a migration": (
        SHOP + "    migrations: [migrate]\n    checks: [{command: 'true', service: migrate}]\n",
        "5:41 stacks.shop.checks[0].service: is a migration, which ends: such a check would always be bad; "
        "its exit code decides",
    ),
    "command in an unknown service": (
        SHOP + "    checks: [{command: redis-cli ping, service: redis}]\n",
        "4:49 stacks.shop.checks[0].service: no such service in the compose files; "
        "they define: backend, frontend, migrate, postgres",
    ),
    "window shorter than health": (
        SHOP + "    deployment: {monitor: 20s}\n",
        "4:27 stacks.shop.deployment.monitor: 20s is shorter than min_healthy_time = 30s",
    ),
}


@pytest.mark.parametrize("case", ACROSS)
def test_sections_that_contradict_each_other_are_named(host: Host, case: str) -> None:
    text, expected = ACROSS[case]
    assert host.faults(text) == [f"config.yaml:{expected}"]


def test_two_stacks_cannot_share_a_project_or_a_database(host: Host) -> None:
    text = SHOP + DATABASE + "  blog:\n    compose: OTHER\n    project: shop\n" + DATABASE
    assert host.faults(text) == [
        "config.yaml:7:14 stacks.blog.project: is the same project as that of stacks.shop",
        "config.yaml:8:17 stacks.blog.databases[0]: is the database of stacks.shop.databases[0] already: "
        "one stack restores it, not two",
    ]


def test_two_stacks_cannot_share_a_database_of_a_server_outside(host: Host) -> None:
    outside = "    databases: [{host: db, name: shop, user: me}]\n"
    text = SHOP + outside + "  blog:\n    compose: OTHER\n" + outside
    assert host.faults(text) == [
        "config.yaml:7:17 stacks.blog.databases[0]: is the database of stacks.shop.databases[0] already: "
        "one stack restores it, not two",
    ]
    assert host.load(text.replace("host: db, name: shop", "host: db2, name: shop", 1)).stacks


def test_two_stacks_cannot_share_a_compose_file(host: Host) -> None:
    text = SHOP + "  blog:\n    compose: COMPOSE\n    project: other\n    backup: {directory: blog}\n"
    assert host.faults(text) == [
        "config.yaml:5:14 stacks.blog.compose: is the compose file of stacks.shop already"
    ]


def test_two_stacks_cannot_share_a_backup_directory(host: Host) -> None:
    (host.root / "link").symlink_to(host.root / "shop/backups")
    text = SHOP + "  blog:\n    compose: OTHER\n    backup: {directory: " + f"{host.root}/link" + "}\n"
    assert host.faults(text) == [
        "config.yaml:6:25 stacks.blog.backup.directory: is the backup directory of stacks.shop already: give "
        "each stack its own"
    ]


def test_two_stacks_cannot_share_a_maintenance_page(host: Host) -> None:
    """The first whose deployment is over would remove the other's."""
    page = "    maintenance_page: /srv/public/maintenance.html\n"
    assert host.faults(SHOP + page + "  blog:\n    compose: OTHER\n" + page) == [
        "config.yaml:7:23 stacks.blog.maintenance_page: is the page of stacks.shop already: "
        "give each stack its own"
    ]


def test_two_stacks_in_one_directory_share_the_default_backup_directory(host: Host) -> None:
    host.write("shop/blog.yaml", "name: blog\nservices: {a: {}}\n")
    text = SHOP + f"  blog:\n    compose: {host.root}/shop/blog.yaml\n"
    [fault] = host.faults(text)
    assert "stacks.blog.backup.directory: is the backup directory of stacks.shop already" in fault
    assert fault.startswith("config.yaml:")


def test_a_compose_file_that_does_not_parse_is_a_fault_of_its_own(host: Host) -> None:
    host.write("shop/compose.yaml", "services:\n  a: [\n")
    assert host.faults(SHOP)[0].startswith(
        "config.yaml:3:14 stacks.shop.compose: the compose file cannot be parsed, line 3, column 1: is not"
    )


def test_services_are_not_compared_where_the_compose_file_includes_others(host: Host) -> None:
    host.write("shop/compose.yaml", "include: [more.yaml]\nservices: {backend: {}}\n")
    assert host.load(SHOP + "    services: [frontend]\n").stacks[0].stack.services == ("frontend",)


@pytest.mark.parametrize(
    "check",
    [
        "{docker: backend}",
        "{docker: backend, start_period: 50s}",
        "{docker: backend, interval: 50s}",
        "{docker: backend, failure_threshold: 50}",
        "{tcp: 'a:1', interval: 1h, severity: wanted}",
    ],
)
def test_a_window_is_not_refused_for_what_decides_nothing_or_follows_a_healthcheck(
    host: Host, check: str
) -> None:
    text = SHOP + f"    checks: [{check}]\n    deployment: {{monitor: 1m, healthy_deadline: 1m}}\n"
    assert host.load(text).stacks


WARNED = {
    "answers that outlast the rhythm": (
        SHOP + "    checks: [{tcp: 'a:1', timeout: 30s}]\n",
        [
            "4:36 stacks.shop.checks[0].timeout: is longer than interval = 5s: an answer that hangs delays "
            "the next one"
        ],
    ),
    "window too short if everything hangs": (
        SHOP + "    checks: [{tcp: 'a:1', interval: 1s, start_period: 0s}]\n"
        "    deployment: {monitor: 12s, min_healthy_time: 1s}\n",
        [
            "5:27 stacks.shop.deployment.monitor: 12s is too short to see stacks.shop.checks[0] fail where "
            "each answer hangs: it takes start_period + timeout x failure_threshold = 15s"
        ],
    ),
    "approval that nothing can ask for": (
        SHOP + "    rollback: {mode: approve}\n",
        [
            "2:3 stacks.shop.checks: no required check: only exits, restarts and HEALTHCHECKs can tell that "
            "a deployment failed"
        ],
    ),
    "nothing": (SHOP + "    checks: [{tcp: 'a:1', interval: 1s}, {docker: backend, timeout: 20s}]\n", []),
}


@pytest.mark.parametrize("case", WARNED)
def test_what_works_but_hardly_as_meant_is_warned_about(host: Host, case: str) -> None:
    text, expected = WARNED[case]
    shown = [warning.replace(str(host.config), "config.yaml") for warning in host.load(text).warnings]
    assert shown == [f"config.yaml:{warning}" for warning in expected]
