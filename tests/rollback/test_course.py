"""What may follow a failed deployment unattended."""

from datetime import timedelta

import pytest

from tests.fakes import MORNING
from watchdog.rollback.course import Course, course
from watchdog.rollback.policy import Mode
from watchdog.rollback.suspension import Suspends, Suspension, holding

PAUSED = Suspension(
    "shop", Suspends.PAUSE, MORNING, MORNING + timedelta(hours=2), "user ann (uid 7)", "a fair"
)
WHY = "paused until 2026-11-20 11:00 UTC by user ann (uid 7): a fair"


@pytest.mark.parametrize(
    ("mode", "chosen", "why"),
    [
        (Mode.OFF, Course.LEAVE, "rollback.mode is off"),
        (Mode.NOTIFY, Course.TELL, "rollback.mode is notify"),
        (Mode.APPROVE, Course.PROPOSE, "rollback.mode is approve"),
        (Mode.AUTO, Course.ROLL_BACK, ""),
    ],
)
def test_the_mode_decides(mode: Mode, chosen: Course, why: str) -> None:
    assert course(mode, True, ()) == (chosen, why)


@pytest.mark.parametrize("mode", Mode)
def test_who_deployed_without_rollback_gets_none(mode: Mode) -> None:
    assert course(mode, False, ()) == (Course.LEAVE, "it was deployed with --no-rollback")


@pytest.mark.parametrize("mode", [Mode.NOTIFY, Mode.APPROVE, Mode.AUTO])
def test_a_suspension_leaves_telling_and_says_who_wanted_it(mode: Mode) -> None:
    assert course(mode, True, [PAUSED]) == (Course.TELL, WHY)


def test_mode_off_is_no_louder_while_suspended() -> None:
    assert course(Mode.OFF, True, [PAUSED])[0] is Course.LEAVE


def test_a_suspension_holds_until_its_end_also_where_the_clock_was_set_back() -> None:
    assert [holding([PAUSED], MORNING + timedelta(hours=h)) for h in (-1, 0, 1)] == [(PAUSED,)] * 3
    assert holding([PAUSED], MORNING + timedelta(hours=2)) == ()
