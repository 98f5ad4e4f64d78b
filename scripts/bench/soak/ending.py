"""What became of one round, read out of the daemon's log. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from demo.timeline import Event

OPENS = frozenset({"deployment_started", "deployment_observed"})
ENDS = frozenset({"deployment_good", "deployment_undecided", "not_rolled_back", "rollback_broke_off"})
DECIDED, ROLLED_BACK = "rollback_decided", "rollback_ended"
NAMES_TARGET = "It would go back to release "
BUDGET = "automatic rollbacks in 24 h"
"""Two refusals that show that a failure was acted upon as far as it could be."""
OWN_ERRORS = frozenset({"guard_failed", "control_request_failed", "rollback_failed"})


class End(StrEnum):
    """How a round ended. NOTHING: the command changed nothing, so nothing was judged."""

    GOOD = "good"
    UNDECIDED = "undecided"
    NOTHING = "nothing changed"
    CAUGHT = "caught"
    ROLLED_BACK = "rolled back"
    UNTOLD = "untold"


PHASES = {
    "good": End.GOOD,
    "undecided": End.UNDECIDED,
    "failed": End.CAUGHT,
    "rolled back": End.ROLLED_BACK,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """`failed`: the verdict fell, at any time of the round. `told`: the sentences that go with the end."""

    end: End
    failed: bool
    told: str = ""


def opened(events: Sequence[Event]) -> list[str]:
    """The deployments that began, oldest first."""
    return [event["deployment"] for event in events if event.kind in OPENS]


def over(events: Sequence[Event]) -> bool:
    """The newest deployment has ended, and so has what followed from it."""
    started = opened(events)
    return bool(started) and _last(events, started[-1]) is not None


def ending(events: Sequence[Event], phase: str = "") -> Ending:
    """Of a round whose events these are.

    `phase`: the newest deployment's, by the ledger. A daemon that is killed right after it wrote an end down
    never logs it.
    """
    failed = any(event.kind in {"deployment_failed", DECIDED} for event in events)
    trouble = "; ".join(_trouble(events))
    started = opened(events)
    last = _last(events, started[-1]) if started else None
    if last is None and phase in PHASES:
        return Ending(PHASES[phase], failed, trouble)
    if last is None:
        return Ending(End.UNTOLD, failed, trouble or "no deployment was noticed, or it has no end")
    end, told = _meaning(last, failed)
    return Ending(end, failed, "; ".join(part for part in (told, trouble) if part))


def _last(events: Sequence[Event], deployment: str) -> Event | None:
    """The event that ended it. A rollback names its operation only: there is one at a time."""
    decided = False
    found = None
    for event in events:
        mine = event["deployment"] == deployment
        decided = decided or (mine and event.kind == DECIDED)
        if (mine and event.kind in ENDS) or (decided and event.kind == ROLLED_BACK):
            found = event
    return found


def _meaning(last: Event, failed: bool) -> tuple[End, str]:
    if last.kind == "deployment_good":
        return End.GOOD, ""
    if last.kind == "deployment_undecided":
        return End.UNDECIDED, "; ".join(last["reasons"])
    if last.kind == ROLLED_BACK:
        succeeded = last["outcome"] == "succeeded"
        return (End.ROLLED_BACK if succeeded else End.UNTOLD), f"{last['outcome']} {last['detail']}"
    if last.kind == "not_rolled_back" and not failed:
        return End.NOTHING, last["reason"]
    told = [last["reason"], *last["lines"]]
    acted = any(words in line for line in told for words in (NAMES_TARGET, BUDGET))
    return (End.CAUGHT if acted else End.UNTOLD), last["reason"] or last.kind


def _trouble(events: Sequence[Event]) -> Iterator[str]:
    """Why the verdict fell, and errors of the daemon's own."""
    for event in events:
        if event.kind == "deployment_failed":
            yield "failed: " + ", ".join(event["reasons"])
        elif event.kind in OWN_ERRORS:
            yield f"the daemon met an error of its own ({event.kind})"
