"""`--json`: stdout holds one JSON document and nothing else, whatever is said on stderr."""

from __future__ import annotations

import json

import pytest

from tests.cli.operator import Operator


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        ("status", 0),
        ("explain", 0),
        ("check", 1),
        ("backups list", 0),
        ("backups prune --dry-run", 0),
        ("config check", 0),
    ],
)
def test_every_command_that_prints_facts_prints_them_as_json(
    operator: Operator, command: str, exit_code: int
) -> None:
    done = operator.types(*command.split(), "--json")
    assert done.exit_code == exit_code
    assert isinstance(json.loads(done.stdout), list | dict)


def test_a_failure_leaves_stdout_empty(operator: Operator) -> None:
    for words in (("backup", "--json"), ("rollback", "--plan", "--json"), ("rollback", "--yes", "--json")):
        done = operator.types(*words)
        assert (done.exit_code, done.stdout) == (1, "")


def test_a_status_names_what_is_wrong_in_words_and_what_is_there_in_keys(operator: Operator) -> None:
    (document,) = json.loads(operator.types("status", "--json").stdout)
    assert {"stack", "armed", "why_not", "services", "checks", "backups", "deployment"} <= document.keys()
    assert document["backups"] == {
        "directory": str(operator.backups),
        "count": 0,
        "newest": None,
        "newest_at": None,
    }
