"""What a host can lack: an engine, a state directory, a place for backups. Named, with the remedy."""

from __future__ import annotations

import json

import pytest

from tests.cli.operator import NOWHERE, Operator
from tests.end_to_end.waiting import until

NEED_THE_ENGINE = ("backup", "deploy true", "deploy --no-rollback true", "rollback --yes", "rollback --plan")
REMEDY = (
    f"cannot reach dockerd at {NOWHERE}: there is no such socket; start Docker (`systemctl start docker`)"
)


@pytest.mark.parametrize("command", NEED_THE_ENGINE)
def test_without_an_engine_nothing_is_done_and_the_socket_is_named(operator: Operator, command: str) -> None:
    done = operator.types(*command.split())
    assert (done.exit_code, done.stdout) == (1, "")
    message = done.stderr.splitlines()[-1]
    assert message.startswith(f"ops-watchdog: {REMEDY}")
    assert message.endswith("nothing was done")
    assert not operator.backups.exists()


def test_without_an_engine_a_deployments_command_is_not_run(operator: Operator) -> None:
    operator.types("deploy", "touch", str(operator.root / "touched"))
    assert not (operator.root / "touched").exists()


def test_without_an_engine_the_status_says_so_and_is_still_a_status(operator: Operator) -> None:
    done = operator.types("status")
    assert done.exit_code == 0
    assert "shop: not armed" in done.stdout
    assert "Docker does not answer" in done.stdout
    assert REMEDY in done.stdout
    (document,) = json.loads(operator.types("status", "--json").stdout)
    assert (document["armed"], document["docker"]) == (False, "does not answer")
    assert document["unreachable"].startswith(REMEDY)


@pytest.mark.parametrize("command", ["status", "backup", "rollback --yes", "deploy true"])
def test_a_state_directory_that_cannot_be_used_is_named(operator: Operator, command: str) -> None:
    state = operator.root / "file" / "state"
    state.parent.write_text("no directory")
    operator.write(state_dir=str(state))
    done = operator.types(*command.split())
    assert done.exit_code in {1, 3}, done
    assert str(state) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_daemon_outlives_it_refuses_what_it_is_asked_and_goes_on_once_it_can(operator: Operator) -> None:
    state = operator.root / "file" / "state"
    state.parent.write_text("no directory")
    operator.write(state_dir=str(state))
    with operator.runs("run") as daemon:
        until(lambda: f"the state in {state}" in daemon.read_text(), "a word about the state")
        until((operator.root / "control.sock").exists, "the daemon's socket")
        refused = operator.types("status")
        assert (refused.exit_code, str(state) in refused.stderr) == (1, True), refused
        state.parent.unlink()
        until(lambda: operator.types("status").exit_code == 0, "a status")
    assert (state / "ledger.db").exists()


def test_a_backup_directory_that_cannot_be_read_is_named(operator: Operator) -> None:
    operator.backups.write_text("no directory")
    done = operator.types("backups", "list")
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"the backups in {operator.backups} cannot be read: Not a directory" in done.stderr


def test_a_socket_that_nobody_answers_on_is_no_obstacle(operator: Operator) -> None:
    (operator.root / "control.sock").touch()
    assert operator.types("status").exit_code == 0
