"""Each bad input has its message: file, line, column, key, what is wrong, what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.settings.conftest import Host
from watchdog.errors import ConfigError
from watchdog.settings import load

SHOP = "stacks:\n  shop:\n    compose: COMPOSE\n"
DATABASE = "    databases: [{service: postgres, name: shop, user: shop}]\n"
STACK_KEYS = (
    "compose, directory, project, env_files, config_files, services, migrations, databases, checks, "
    "deployment, backup, rollback, alerts, on_unhealthy, maintenance_page"
)
DURATION = "a duration such as 500ms, 30s, 5m, 1h30m or 7d"

VALUES = {
    "unknown key at the top": (
        "logg: {}\n" + SHOP,
        "1:1 logg: unknown key; did you mean 'log'? Allowed: state_dir, socket, docker, log, slack, metrics, "
        "stacks",
    ),
    "unknown key that pydantic-settings would obey": (
        SHOP + "_env_file: /etc/passwd\n",
        "4:1 _env_file: unknown key. Allowed: state_dir, socket, docker, log, slack, metrics, stacks",
    ),
    "unknown key in a stack": (
        SHOP + "    servces: []\n",
        f"4:5 stacks.shop.servces: unknown key; did you mean 'services'? Allowed: {STACK_KEYS}",
    ),
    "unknown word for what an unhealthy service gets": (
        SHOP + "    on_unhealthy: reboot\n",
        "4:19 stacks.shop.on_unhealthy: must be none or restart, or a mapping of services to one of both",
    ),
    "no reminder at all": (
        SHOP + "    alerts: {remind: []}\n",
        "4:22 stacks.shop.alerts.remind: must not be empty",
    ),
    "unknown key in a check": (
        SHOP + "    checks:\n      - {tcp: 'a:1', sevrity: wanted}\n",
        "5:22 stacks.shop.checks[0].sevrity: unknown key; did you mean 'severity'? Allowed: name, service, "
        "severity, interval, timeout, start_period, failure_threshold, success_threshold, tcp",
    ),
    "unknown key in a database": (
        SHOP + "    databases: [{service: postgres, name: a, user: b, path: 1}]\n",
        "4:55 stacks.shop.databases[0].path: unknown key. Allowed: service, host, port, name, user, "
        "password_file, free_space",
    ),
    "neither service nor host": (
        SHOP + "    databases: [{name: a, user: b}]\n",
        "4:17 stacks.shop.databases[0]: needs exactly one of service, host",
    ),
    "service and host": (
        SHOP + "    databases: [{service: postgres, host: db, name: a, user: b}]\n",
        "4:17 stacks.shop.databases[0]: needs exactly one of service, host",
    ),
    "room of a service": (
        SHOP + "    databases: [{service: postgres, name: a, user: b, free_space: 1GiB}]\n",
        "4:17 stacks.shop.databases[0]: port and free_space are for a host: a service's own are found out",
    ),
    "url for a host": (
        SHOP + "    databases: [{host: 'postgres://me:sesame@db/a', name: a, user: b}]\n",
        "4:24 stacks.shop.databases[0].host: must be one host name or address, such as db.internal",
    ),
    "port beyond the last": (
        SHOP + "    databases: [{host: db, port: 65536, name: a, user: b}]\n",
        "4:34 stacks.shop.databases[0].port: must be at most 65535",
    ),
    "no stack at all": ("log: {level: info}\n", "1:1 stacks: is required"),
    "empty file": ("# nothing\n", "1:1 stacks: is required"),
    "empty stacks": ("stacks: {}\n", "1:9 stacks: must not be empty"),
    "key without a value": ("stacks:\n", "1:1 stacks: must be a mapping of keys, not nothing"),
    "key left out": ("stacks:\n  shop: {}\n", "2:3 stacks.shop.compose: is required"),
    "stack name that is no file name": (
        "stacks:\n  Shop:\n    compose: COMPOSE\n",
        "2:3 stacks.Shop: a stack's name is a-z, 0-9, '-' and '_', at most 63 characters: it names files",
    ),
    "boolean where text belongs": (
        SHOP + "    project: true\n",
        "4:14 stacks.shop.project: must be text, not true or false (quoted, it would be text)",
    ),
    "number where text belongs": (
        SHOP + "    services: [8080]\n",
        "4:16 stacks.shop.services[0]: must be text, not a number (quoted, it would be text)",
    ),
    "text where a list belongs": (
        SHOP + "    services: backend\n",
        "4:15 stacks.shop.services: must be a list, not text",
    ),
    "list where a section belongs": (
        SHOP + "    backup: []\n",
        "4:13 stacks.shop.backup: must be a mapping of keys, not a list",
    ),
    "boolean where a number belongs": (
        SHOP + "    backup: {keep_days: true}\n",
        "4:25 stacks.shop.backup.keep_days: must be a number, not true or false",
    ),
    "fraction where a count belongs": (
        SHOP + "    backup: {keep_days: 1.5}\n",
        "4:25 stacks.shop.backup.keep_days: must be a whole number",
    ),
    "count below one": (
        SHOP + "    backup: {min_keep: 0}\n",
        "4:24 stacks.shop.backup.min_keep: must be at least 1",
    ),
    "neither true nor false": (
        SHOP + "    checks: [{http: http://a, verify_tls: maybe}]\n",
        "4:43 stacks.shop.checks[0].verify_tls: must be true or false",
    ),
    "duration without a unit": (
        SHOP + "    deployment:\n      monitor: 600\n",
        f"5:16 stacks.shop.deployment.monitor: must be {DURATION}",
    ),
    "negative duration": (
        SHOP + "    deployment: {monitor: -5m}\n",
        f"4:27 stacks.shop.deployment.monitor: must not be negative; allowed is {DURATION}",
    ),
    "no duration at all": (
        SHOP + "    deployment: {monitor: 0s}\n",
        "4:27 stacks.shop.deployment.monitor: must be longer than zero",
    ),
    "size without a full unit": (
        SHOP + "    backup: {disk_reserve: 2G}\n",
        "4:28 stacks.shop.backup.disk_reserve: must be a size such as 512MiB or 2GiB "
        "(units: B, kB, KiB, MB, MiB, GB, GiB, TB, TiB)",
    ),
    "hour that does not exist": (
        SHOP + "    backup: {daily: 25:00}\n",
        '4:21 stacks.shop.backup.daily: must be a time of day in UTC such as "02:00", or off',
    ),
    "mode that does not exist": (
        SHOP + "    rollback: {mode: automatic}\n",
        "4:22 stacks.shop.rollback.mode: must be one of 'off', 'notify', 'approve' or 'auto'",
    ),
    "log level that does not exist": (
        "log: {level: loud}\n" + SHOP,
        "1:14 log.level: must be one of 'debug', 'info', 'warning' or 'error'",
    ),
    "check of no kind": (
        SHOP + "    checks: [{interval: 5s}]\n",
        "4:14 stacks.shop.checks[0]: must be a mapping with exactly one of http, tcp, sql, docker, command",
    ),
    "check of two kinds": (
        SHOP + "    checks: [{http: http://a, tcp: 'a:1'}]\n",
        "4:14 stacks.shop.checks[0]: must be a mapping with exactly one of http, tcp, sql, docker, command",
    ),
    "check that is only text": (
        SHOP + "    checks:\n      - http\n",
        "5:9 stacks.shop.checks[0]: must be a mapping with exactly one of http, tcp, sql, docker, command",
    ),
    "URL without a scheme": (
        SHOP + "    checks: [{http: shop.example.com}]\n",
        "4:21 stacks.shop.checks[0].http: must be a URL that begins with http:// or https://",
    ),
    "URL with a password": (
        SHOP + "    checks: [{http: 'http://a:b@c/'}]\n",
        "4:21 stacks.shop.checks[0].http: must not carry a user or a password: use headers or bearer_file",
    ),
    "address without a port": (
        SHOP + "    checks: [{tcp: localhost}]\n",
        "4:20 stacks.shop.checks[0].tcp: must be HOST:PORT, such as 127.0.0.1:5432",
    ),
    "status that is none": (
        SHOP + "    checks: [{http: http://a, status: [200, 999]}]\n",
        "4:45 stacks.shop.checks[0].status[1]: must be at most 599",
    ),
    "regular expression that is none": (
        SHOP + "    checks: [{http: http://a, contains: '(ok'}]\n",
        "4:41 stacks.shop.checks[0].contains: is not a regular expression (character 1)",
    ),
    "command in no service": (
        SHOP + "    checks: [{command: pg_isready}]\n",
        "4:14 stacks.shop.checks[0].service: is required",
    ),
    "command for a shell": (
        SHOP + "    checks: [{command: curl -f localhost | grep ok, service: backend}]\n",
        '4:24 stacks.shop.checks[0].command: no shell reads it: for pipes and the like write [sh, -c, "…"]',
    ),
    "command with an open quote": (
        SHOP + '    checks: [{command: "echo \'ok", service: backend}]\n',
        "4:24 stacks.shop.checks[0].command: a quote is opened and never closed",
    ),
    "no command at all": (
        SHOP + "    checks: [{command: '', service: backend}]\n",
        "4:24 stacks.shop.checks[0].command: must not be empty",
    ),
    "JSON path that is none": (
        SHOP + "    checks: [{http: http://a, json: {'a..b': 1}}]\n",
        "4:38 stacks.shop.checks[0].json.a..b: is no path such as status, checks.database or nodes[0].state",
    ),
    "JSON value that is none": (
        SHOP + "    checks: [{http: http://a, json: {nodes: [1]}}]\n",
        "4:45 stacks.shop.checks[0].json.nodes: must be text, a number, true, false or null",
    ),
    "unknown key of a check": (
        SHOP + "    checks: [{http: http://a, jsn: {}}]\n",
        "4:31 stacks.shop.checks[0].jsn: unknown key; did you mean 'json'? Allowed: name, service, "
        "severity, interval, timeout, start_period, failure_threshold, success_threshold, http, status, "
        "contains, json, redirects_to, headers, bearer_file, verify_tls",
    ),
    "token twice": (
        SHOP + "    checks: [{http: http://a, bearer_file: SECRET, headers: {authorization: x}}]\n",
        "4:14 stacks.shop.checks[0]: takes bearer_file or an Authorization header, not both",
    ),
    "redirect without a status that redirects": (
        SHOP + "    checks: [{http: http://a, redirects_to: sso, status: 200}]\n",
        "4:14 stacks.shop.checks[0]: redirects_to needs a status that redirects, 301 for example",
    ),
    "body of an answer that has none": (
        SHOP + "    checks: [{http: http://a, json: {a: 1}, status: 204}]\n",
        "4:14 stacks.shop.checks[0]: contains and json need a status whose answer has a body",
    ),
    "header with a line break": (
        SHOP + '    checks: [{http: http://a, headers: {X-A: "a\\nb"}}]\n',
        "4:46 stacks.shop.checks[0].headers.X-A: must be one line of ASCII",
    ),
    "header that is none": (
        SHOP + "    checks: [{http: http://a, headers: {'X A': b}}]\n",
        "4:41 stacks.shop.checks[0].headers.…: is no name of a header",
    ),
    "two expectations": (
        SHOP + DATABASE + "    checks: [{sql: select 1, min: 1, equals: '1'}]\n",
        "5:14 stacks.shop.checks[0]: takes min or equals, not both",
    ),
    "engine that is none": (
        "docker: {host: /var/run/docker.sock}\n" + SHOP,
        "1:16 docker.host: must begin with unix:/// or tcp://",
    ),
    "slack without a URL": (
        "slack: {}\n" + SHOP,
        "1:8 slack: needs exactly one of webhook_url, webhook_url_file",
    ),
    "relative path": ("state_dir: state\n" + SHOP, "1:12 state_dir: must be an absolute path"),
    "compose file that is missing": (
        "stacks:\n  shop:\n    compose: [COMPOSE.missing]\n",
        "3:15 stacks.shop.compose[0]: cannot be read: No such file or directory",
    ),
    "secret file that is missing": (
        SHOP + "    databases:\n      - {service: postgres, name: a, user: b, password_file: /missing}\n",
        "5:62 stacks.shop.databases[0].password_file: cannot be read: No such file or directory",
    ),
    "secret file that holds no URL": (
        "slack: {webhook_url_file: SECRET}\n" + SHOP,
        "1:27 slack.webhook_url_file: must be a URL that begins with http:// or https://",
    ),
}

YAML = {
    "tab": ("stacks:\n\tshop: {}\n", "2:1: a tab cannot indent: use spaces"),
    "open bracket": (
        "stacks: [1\nlog: {}\n",
        "2:4: is not YAML: expected ',' or ']', but got ':'",
    ),
    "open quote": ("stacks: 'shop\n", "2:1: a quote is opened and never closed"),
    "unknown alias": (
        "stacks: *shop\n",
        "1:9: refers to an anchor that is not there; quote text which begins with '*'",
    ),
    "tag": (
        SHOP + "    project: !secret x\n",
        "4:14 stacks.shop.project: has a tag of its own (!…); quote text which begins with '!'",
    ),
    "duplicate key": (
        SHOP + "    compose: COMPOSE\n",
        "4:5 stacks.shop.compose: is given twice, first in line 3",
    ),
    "circle": (SHOP + "    services: &s [*s]\n", "4:15 stacks.shop.services[0]: refers to itself"),
    "list at the top": ("- shop\n", "1:1: the file must be a mapping of keys (`stacks:` and others)"),
    "two documents": (
        SHOP + "---\nlog: {}\n",
        "4:1: is not YAML: but found another document",
    ),
    "control character": ("a: \x00\n", "1:1: the file holds a character that YAML does not allow"),
}


@pytest.mark.parametrize("case", VALUES)
def test_a_wrong_value_is_named_with_what_is_allowed(host: Host, case: str) -> None:
    text, expected = VALUES[case]
    assert host.faults(text) == [f"config.yaml:{expected}"]


@pytest.mark.parametrize("case", YAML)
def test_broken_yaml_is_a_fault_with_a_position(host: Host, case: str) -> None:
    text, expected = YAML[case]
    assert host.faults(text)[0] == f"config.yaml:{expected}"


def test_bytes_that_are_no_text_have_a_position(host: Host) -> None:
    assert host.faults(b"log: {}\nstacks: \xff\n") == ["config.yaml:2:9: the file must be UTF-8 text"]


def test_all_faults_are_reported_at_once_in_the_order_of_the_file(host: Host) -> None:
    text = (
        "logg: {}\nslack: {webhook_url: 5}\n" + SHOP + "    project: true\n    project: x\n"
        "    databases: [{name: 1}]\n    rollback: {max_data_loss: 15}\n"
    )
    places = [
        fault.split(": ")[0].split(":", 1)[1] for fault in host.faults(text, {"OPS_WATCHDOG_X": "1"})[1:]
    ]
    assert places == [
        "1:1 logg",
        "2:22 slack.webhook_url",
        "6:14 stacks.shop.project",
        "7:5 stacks.shop.project",
        "8:17 stacks.shop.databases[0].user",
        "8:24 stacks.shop.databases[0].name",
        "9:31 stacks.shop.rollback.max_data_loss",
    ]


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: No such file.*--config or OPS_WATCHDOG_CONFIG"):
        load(tmp_path / "none.yaml", {})


def test_a_secret_in_a_keys_place_is_not_named(host: Host) -> None:
    (fault,) = host.faults("slack: {https://hooks.example.com/sesame}\n" + SHOP)
    assert fault == "config.yaml:1:9 slack.…: unknown key. Allowed: webhook_url, webhook_url_file"


def test_a_directory_is_no_secret_file(host: Host) -> None:
    (fault,) = host.faults(SHOP + f"    checks: [{{http: http://a, bearer_file: {host.root}}}]\n")
    assert fault == "config.yaml:4:44 stacks.shop.checks[0].bearer_file: cannot be read: Is a directory"
