"""What may follow a failed deployment unattended: a pure table over mode, wish and suspensions."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from watchdog.rollback.policy import Mode
from watchdog.rollback.suspension import Suspension


class Course(StrEnum):
    """ROLL_BACK: at once. PROPOSE: once a person approves. TELL: what would be done. LEAVE: not even that."""

    ROLL_BACK = "roll back"
    PROPOSE = "propose"
    TELL = "tell"
    LEAVE = "leave"


BY_MODE = {
    Mode.OFF: Course.LEAVE,
    Mode.NOTIFY: Course.TELL,
    Mode.APPROVE: Course.PROPOSE,
    Mode.AUTO: Course.ROLL_BACK,
}


def course(mode: Mode, allowed: bool, holding: Sequence[Suspension]) -> tuple[Course, str]:
    """The course, and why it is not to roll back; `allowed` is False after `deploy --no-rollback`.

    `holding`: the suspensions that hold now. They take the decision from the machine, not from people.
    """
    if not allowed:
        return Course.LEAVE, "it was deployed with --no-rollback"
    chosen = BY_MODE[mode]
    if chosen is Course.LEAVE:
        return chosen, f"rollback.mode is {mode}"
    if holding:
        return Course.TELL, "; ".join(str(suspension) for suspension in holding)
    return chosen, "" if chosen is Course.ROLL_BACK else f"rollback.mode is {mode}"
