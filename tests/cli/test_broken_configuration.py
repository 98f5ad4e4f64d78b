"""A configuration that cannot work: every command says where and what to do instead, and does nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.cli.operator import Operator

COMMANDS = ("status", "run", "config check")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_configuration_that_is_not_there_is_named_with_what_to_do(operator: Operator, command: str) -> None:
    operator.configuration.unlink()
    done = operator.types(*command.split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"the configuration {operator.configuration} cannot be read: No such file" in done.stderr
    assert "--config or OPS_WATCHDOG_CONFIG" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_fault_is_reported_at_once_with_its_place(operator: Operator, command: str) -> None:
    compose = operator.root / "shop" / "compose.yaml"
    lines = (
        f"stacks: {{shop: {{compose: {compose}, chekcs: [],",
        "  backup: {daily: noon}, deployment: {monitor: 10}}}",
    )
    operator.configuration.write_text("\n".join(lines) + "\n")
    done = operator.types(*command.split())
    assert (done.exit_code, done.stdout) == (2, "")
    for place, key in (("1", "chekcs"), ("2", "daily"), ("2", "monitor")):
        (line,) = [line for line in done.stderr.splitlines() if key in line]
        assert f"{operator.configuration}:{place}:" in line
    assert not (operator.root / "state").exists()


def test_what_is_no_yaml_is_told_by_line_and_column(operator: Operator) -> None:
    operator.configuration.write_text("stacks:\n  shop: [\n")
    done = operator.types("config", "check")
    assert done.exit_code == 2
    assert f"{operator.configuration}:3:1" in done.stderr


def test_a_secret_is_never_part_of_the_message(operator: Operator) -> None:
    secret = "hooks.slack.example/T0/secret"
    operator.write(slack={"webhook_url": secret})
    done = operator.types("config", "check")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "slack.webhook_url" in done.stderr
    assert secret not in done.stderr


def test_a_correct_one_is_told_so_with_its_warnings_beside(operator: Operator) -> None:
    operator.write(stacks={"shop": operator.stack("shop", checks=[])})
    done = operator.types("config", "check")
    assert done.exit_code == 0
    assert done.stdout == f"{operator.configuration}: correct; guards shop\n"
    assert "warning: " in done.stderr
    assert "no required check" in done.stderr


def test_the_environment_names_the_configuration_too(operator: Operator) -> None:
    other = replace(operator, environment={"OPS_WATCHDOG_LOG__LEVEL": "loud"})
    done = other.types("config", "check", "--json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "OPS_WATCHDOG_LOG__LEVEL" in done.stderr
    assert json.loads(operator.types("config", "check", "--json").stdout)["stacks"] == ["shop"]
