"""How long it took, from the daemon's log and the engine's events: what the issue's limits are about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from demo.daemon import START_PERIOD_SECONDS
from demo.movements import Movement, OwnTime, own_exit, own_time
from demo.timeline import StoryFailed, Timeline

CHECK = re.compile(r"^check (.+?) has failed")


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds. `detected`, `decided` and `verified` count from the moment at which `deploy` was typed.

    `sign` is the earliest evidence: a container that ended by itself, else a check, else the verdict's own
    moment (a deadline). `ours`: from the decision to verified, without the time in which
    containers were stopping or starting.
    """

    sign: str
    sign_to_detected: float
    sign_to_decided: float
    detected: float
    decided: float
    verified: float
    steps: dict[str, float]
    own: OwnTime

    @property
    def decided_to_verified(self) -> float:
        return self.verified - self.decided

    @property
    def ours(self) -> float:
        return self.decided_to_verified - self.own.either


def measure(timeline: Timeline, movements: Sequence[Movement]) -> Figures:
    """Of the deployment typed at `timeline.begin`. Raises `StoryFailed` where it was not rolled back."""
    typed_at = timeline.begin
    failed = timeline.first("deployment_failed")
    decided = timeline.first("rollback_decided")
    verified = timeline.first("step_finished", step="verify_health", error="")
    if failed is None or decided is None or verified is None:
        raise StoryFailed("there is nothing to measure: the rollback was not verified")
    sign, sign_at = _sign(timeline, movements, failed.at)
    return Figures(
        sign=sign,
        sign_to_detected=failed.at - sign_at,
        sign_to_decided=decided.at - sign_at,
        detected=failed.at - typed_at,
        decided=decided.at - typed_at,
        verified=verified.at - typed_at,
        steps=_steps(timeline),
        own=own_time(movements, decided.at, verified.at),
    )


def _sign(timeline: Timeline, movements: Sequence[Movement], detected_at: float) -> tuple[str, float]:
    """For a check that was red all along: when its failures began to count."""
    ended = own_exit(movements, timeline.begin, detected_at)
    if ended is not None:
        return f"{ended.service} ended with exit code {ended.exit_code}", ended.at
    failed, command = timeline.first("deployment_failed"), timeline.first("command_ended")
    assert failed is not None
    names = [name for reason in failed["reasons"] for name in CHECK.findall(reason)]
    if not names or command is None:
        return "the deadline had passed", detected_at
    for event in reversed(timeline.events):
        if event.kind == "check_changed" and event["check"] == names[0] and event.at <= detected_at:
            if event.at >= command.at:
                return f"check {names[0]} turned red", event.at
            break
    return f"the start period of check {names[0]} ended, all red", command.at + START_PERIOD_SECONDS


def _steps(timeline: Timeline) -> dict[str, float]:
    finished = (e for e in timeline.events if e.kind == "step_finished" and e.at >= timeline.begin)
    return {str(event["step"]): float(event["seconds"]) for event in finished}
