"""What is shown of a deployment's command, and whether its terminal's process lives."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from watchdog.deploy.caller import caller
from watchdog.deploy.command import shown


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["docker", "compose", "up", "-d"], ("docker", "compose", "up", "-d")),
        (["env", "TOKEN=abc", "./deploy.sh"], ("env", "TOKEN=…", "./deploy.sh")),
        (["./deploy.sh", "--token=abc"], ("./deploy.sh", "--token=…")),
        (["./deploy.sh", "--api-key", "abc", "now"], ("./deploy.sh", "--api-key", "…", "now")),
        (["./deploy.sh", "--no-rollback"], ("./deploy.sh", "--no-rollback")),
    ],
)
def test_words_that_may_be_secret_are_not_shown(argv: list[str], expected: tuple[str, ...]) -> None:
    assert shown(argv) == expected


def test_a_process_is_known_by_its_number_and_its_start() -> None:
    ourselves = caller(os.getpid())
    assert ourselves is not None
    assert ourselves.lives


def test_a_process_that_has_ended_lives_no_more() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    known = caller(process.pid)
    assert known is not None
    process.communicate(b"\n")
    assert not known.lives
