"""What people are told when a rollback is over."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes import MORNING
from tests.rollback.samples import operation
from watchdog.rollback.operation import Outcome, Progress, StepRecord
from watchdog.rollback.report import finished

UNDO = "To take it back again: ops-watchdog rollback --undo o1 --stack shop"


def step(name: str, **facts: Any) -> StepRecord:
    return StepRecord("o1", name, Progress.DONE, MORNING, facts=facts)


def told(*steps: StepRecord, **fields: Any) -> tuple[list[str], dict[str, str]]:
    ended = operation(**{"outcome": Outcome.SUCCEEDED, "from_release": "r2", **fields})
    alert = finished(ended, steps, ())
    return alert.text.splitlines(), dict(alert.fields)


def test_one_that_worked_says_where_to_read_it_up_and_how_to_take_it_back() -> None:
    lines, fields = told(step("restore_database", displaced={"shop": "shop_pre_rollback_1"}))
    assert lines[-2:] == ["What happened: ops-watchdog incidents show o1 --stack shop", UNDO]
    assert any("kept in database shop_pre_rollback_1." in line for line in lines)
    assert fields["Goes back to"] == "release-1"


@pytest.mark.parametrize(
    ("fields", "facts"),
    [
        ({"from_release": None}, {}),
        ({"outcome": Outcome.ABORTED}, {}),
        ({}, {"placeholders": ["shop_pre_rollback_1"]}),
    ],
    ids=["never captured", "nothing was replaced", "nothing was displaced"],
)
def test_no_undo_is_offered_that_would_be_refused(fields: dict[str, Any], facts: dict[str, Any]) -> None:
    lines, _ = told(step("restore_database", **facts), **fields)
    assert UNDO not in lines


def test_a_tag_that_was_set_back_here_is_still_the_bad_image_elsewhere() -> None:
    lines, _ = told(step("pull_images", retagged=["shop/api:latest"]))
    [line] = [line for line in lines if "shop/api:latest" in line]
    assert "the next pull or build brings the other one back" in line


def test_a_database_that_goes_back_alone_goes_back_to_no_release() -> None:
    lines, fields = told(plan="database only", from_release=None)
    assert fields["Goes back to"] == "none: what runs stays"
    assert UNDO in lines
