"""What a person can type wrongly: one message that says what exists instead, exit code 2, nothing done."""

from __future__ import annotations

import pytest

from tests.cli.operator import Operator

STACK_COMMANDS = (
    "status --stack nosuch",
    "check --stack nosuch",
    "backup --stack nosuch",
    "backups list --stack nosuch",
    "backups verify --stack nosuch",
    "backups prune --stack nosuch",
    "rollback --yes --stack nosuch",
    "deploy --stack nosuch true",
    "approve --yes --stack nosuch",
    "abort --stack nosuch",
    "pause 2h --stack nosuch",
    "maintenance show --stack nosuch",
)


@pytest.mark.parametrize("command", STACK_COMMANDS)
def test_a_stack_that_does_not_exist_is_answered_with_those_that_do(operator: Operator, command: str) -> None:
    done = operator.types(*command.split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "ops-watchdog: there is no stack 'nosuch'; the configuration has shop\n"


def test_with_two_stacks_one_must_be_named(operator: Operator) -> None:
    operator.write(
        stacks={
            "shop": operator.stack("shop"),
            "blog": operator.stack("blog", backup={"directory": str(operator.root / "blog" / "backups")}),
        }
    )
    done = operator.types("backup")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "ops-watchdog: name a stack with --stack: shop, blog\n"


def test_a_backup_that_does_not_exist_is_answered_with_the_nearest(operator: Operator) -> None:
    operator.backups.mkdir()
    for timestamp in ("20260101_020000", "20260105_020000", "20260107_020000", "20260909_020000"):
        (operator.backups / f"db_backup_{timestamp}.sql").write_text("SELECT 1;\n")
    done = operator.types("rollback", "--yes", "--backup-timestamp", "20260106_000000")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "there is no backup 20260106_000000" in done.stderr
    assert done.stderr.endswith("the nearest: 20260101_020000, 20260105_020000, 20260107_020000\n")


def test_what_is_no_timestamp_is_answered_with_how_one_looks(operator: Operator) -> None:
    done = operator.types("rollback", "--yes", "--backup-timestamp", "yesterday")
    assert done.exit_code == 2
    assert "'yesterday' is no timestamp; write it as YYYYMMDD_HHMMSS, in UTC" in done.stderr


def test_a_backup_of_a_script_says_no_images_and_is_refused(operator: Operator) -> None:
    operator.backups.mkdir()
    (operator.backups / "db_backup_20260101_020000.sql").write_text("SELECT 1;\n")
    done = operator.types("rollback", "--yes", "--backup-timestamp", "20260101_020000")
    assert done.exit_code == 3
    assert "nobody knows which images ran" in done.stderr
    assert "--database-only" in done.stderr


def test_a_service_without_checks_is_answered_with_those_that_have_some(operator: Operator) -> None:
    done = operator.types("check", "--service", "nosuch")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no check belongs to service 'nosuch'; services with checks: web" in done.stderr


def test_a_stack_without_checks_says_where_to_add_some(operator: Operator) -> None:
    operator.write(stacks={"shop": operator.stack("shop", checks=[])})
    done = operator.types("check")
    assert done.exit_code == 2
    assert "stack shop has no checks; add some under 'checks:'" in done.stderr


def test_deploy_needs_a_command(operator: Operator) -> None:
    done = operator.types("deploy")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Missing argument 'COMMAND...'" in done.stderr


def test_an_unknown_command_or_option_is_a_matter_of_usage(operator: Operator) -> None:
    for words in (("restore",), ("backup", "--now"), ("backups", "burn")):
        done = operator.types(*words)
        assert (done.exit_code, done.stdout) == (2, "")
        assert words[-1] in done.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("--keep-database --database-only", "--keep-database and --database-only"),
        ("--undo x --keep-database", "--keep-database and --undo"),
        ("--undo x --backup-timestamp 20260101_020000", "--undo and --backup-timestamp"),
    ],
)
def test_options_of_a_rollback_that_exclude_each_other(operator: Operator, words: str, named: str) -> None:
    done = operator.types("rollback", "--yes", *words.split())
    assert (done.exit_code, done.stderr) == (2, f"ops-watchdog: {named} exclude each other: choose one\n")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("pause", "say how long (ops-watchdog pause 2h), or --end"),
        ("pause 2h --end", "say how long (ops-watchdog pause 2h), or --end"),
        ("pause 120", "how long must be a duration such as"),
        ("maintenance on 0s", "a maintenance takes longer than zero and at most 7d"),
    ],
)
def test_how_long_something_is_suspended_must_be_said(operator: Operator, command: str, said: str) -> None:
    done = operator.types(*command.split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
