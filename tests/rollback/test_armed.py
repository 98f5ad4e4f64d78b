from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import MORNING
from tests.rollback.samples import backup, operation
from tests.stack.samples import release
from watchdog.backup.backup import Level
from watchdog.rollback.armed import Situation, unarmed
from watchdog.rollback.policy import Mode, RollbackPolicy
from watchdog.stack import Database, Stack

NO_BACKUP = "there is no complete backup yet ('ops-watchdog backup' makes one)"
DATABASE = Database("db", "shop", "shop")
STACK = Stack("shop", "shop", Path("/srv"), (Path("/srv/compose.yml"),), databases=(DATABASE,))
ARMED = Situation(
    stack=STACK,
    policy=RollbackPolicy(),
    captured=release("2"),
    uncaptured="",
    good=release("1"),
    missing_images=(),
    backups=[backup()],
    red=frozenset(),
    reachable=True,
    obstacles=(),
    recent=(),
    now=MORNING,
)


def test_armed_is_when_nothing_stands_against_it() -> None:
    assert unarmed(ARMED) == ()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"policy": RollbackPolicy(mode=Mode.NOTIFY)}, "rollback.mode is notify"),
        ({"reachable": False}, "Docker does not answer"),
        ({"captured": None, "uncaptured": "x"}, "the running release is not captured: x"),
        ({"good": None}, "no release has been seen healthy long enough yet"),
        ({"missing_images": ("a:1", "b:1")}, "images of the last known good release are gone: a:1, b:1"),
        ({"red": frozenset({"web", "api"})}, "red already: api, web"),
        ({"obstacles": ("role shop may not …",)}, "role shop may not …"),
        ({"backups": []}, NO_BACKUP),
        ({"backups": [backup(level=Level.DAMAGED)]}, NO_BACKUP),
    ],
)
def test_each_reason_is_a_sentence(fault: dict[str, Any], reason: str) -> None:
    assert unarmed(replace(ARMED, **fault)) == (reason,)


def test_every_reason_is_told_at_once() -> None:
    assert len(unarmed(replace(ARMED, good=None, reachable=False, backups=[]))) == 3


def test_a_stack_without_a_database_needs_no_backup() -> None:
    assert unarmed(replace(ARMED, stack=replace(STACK, databases=()), backups=[])) == ()


def test_a_spent_budget_disarms() -> None:
    [reason] = unarmed(replace(ARMED, recent=[operation(), operation()]))
    assert reason.startswith("2 automatic rollbacks in 24 h")
