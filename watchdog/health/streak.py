"""From single answers to green and red: how often in a row a check was answered well or badly.

Pure; the guard keeps one `CheckState` per check and hands each `Sample` to `record`. A colour changes only
after the check's own number of answers, so that one lost packet is no failure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from watchdog.health.check import Answer, Check, Sample


class Color(StrEnum):
    """UNKNOWN until the check was answered often enough for the first time."""

    UNKNOWN = "unknown"
    GREEN = "green"
    RED = "red"


@dataclass(frozen=True, slots=True)
class CheckState:
    """What is known about one check.

    Attributes:
        since: When the colour became what it is.
        successes: Good answers in a row, up to now.
        failures: Bad answers in a row, up to now.
        failed_at: Instants of the latest of those, at most `failure_threshold` of them, oldest first.
        confirmed_at: The last good answer given while green.
        complaint: What the last bad answer said.
        last: The last answer of any kind; an inconclusive one changes nothing else.
    """

    check: Check
    color: Color = Color.UNKNOWN
    since: datetime | None = None
    successes: int = 0
    failures: int = 0
    failed_at: tuple[datetime, ...] = ()
    confirmed_at: datetime | None = None
    complaint: str = ""
    last: Sample | None = None

    def failing_since(self, start: datetime) -> bool:
        """The last `failure_threshold` answers were bad, each given at `start` or later."""
        threshold = self.check.failure_threshold
        return len(self.failed_at) >= threshold and self.failed_at[-threshold] >= start

    def confirmed_since(self, start: datetime) -> bool:
        """It was green at `start` or later, by an answer given then."""
        return self.confirmed_at is not None and self.confirmed_at >= start

    @property
    def passing(self) -> bool:
        """Green, and the last conclusive answer was good."""
        return self.color is Color.GREEN and self.failures == 0


def as_of(state: CheckState, now: datetime) -> CheckState:
    """Without the instants that lie in the future: the clock has been set back since."""
    confirmed_at = state.confirmed_at
    if confirmed_at is not None and confirmed_at > now:
        confirmed_at = None
    failed_at = tuple(at for at in state.failed_at if at <= now)
    if (confirmed_at, failed_at) == (state.confirmed_at, state.failed_at):
        return state
    return replace(state, confirmed_at=confirmed_at, failed_at=failed_at)


def record(state: CheckState, sample: Sample) -> CheckState:
    """The state after one more answer."""
    state = as_of(state, sample.at)
    if sample.answer is Answer.INCONCLUSIVE:
        return replace(state, last=sample)
    if sample.answer is Answer.OK:
        return _after_success(state, sample)
    return _after_failure(state, sample)


def _after_success(state: CheckState, sample: Sample) -> CheckState:
    successes = state.successes + 1
    green = state.color is Color.GREEN or successes >= state.check.success_threshold
    after = replace(state, successes=successes, failures=0, failed_at=(), last=sample)
    return _colored(replace(after, confirmed_at=sample.at), Color.GREEN, sample.at) if green else after


def _after_failure(state: CheckState, sample: Sample) -> CheckState:
    threshold = state.check.failure_threshold
    failures = state.failures + 1
    after = replace(
        state,
        successes=0,
        failures=failures,
        failed_at=(*state.failed_at, sample.at)[-threshold:],
        complaint=sample.detail,
        last=sample,
    )
    return _colored(after, Color.RED, sample.at) if failures >= threshold else after


def _colored(state: CheckState, color: Color, at: datetime) -> CheckState:
    return state if state.color is color else replace(state, color=color, since=at)
