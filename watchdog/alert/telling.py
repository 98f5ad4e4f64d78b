"""What people read of alarms: one message for all that is of one kind at one moment. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from watchdog.alert.alarm import Alarm, Told
from watchdog.alert.alert import Alert, Level, alert
from watchdog.clock import age

FEW = 3
"""So many are named one by one in a title."""


@dataclass(frozen=True, slots=True)
class _Words:
    """Of one kind of subject: it is wrong, it still is, it is right again."""

    wrong: str
    still: str
    over: str


WORDS = {
    "check": _Words("is down", "is still down", "is up again"),
    "service": _Words("is in trouble", "is still in trouble", "is no longer in trouble"),
    "Docker": _Words("does not answer", "still does not answer", "answers again"),
    "rollback": _Words("is held", "is still held", "is no longer held"),
    "proposal": _Words("waits for approval", "still waits for approval", "is dealt with"),
}
"""By the first word of a subject."""
OTHER = _Words("is wrong", "is still wrong", "is right again")
SEVERITY = (Level.INFO, Level.WARNING, Level.CRITICAL)


def messages(stack: str, heard: Sequence[tuple[Alarm, Told]], now: datetime) -> list[Alert]:
    """At most one alert for each kind of message."""
    found = []
    for message in Told:
        if alarms := sorted((a for a, one in heard if one is message), key=lambda alarm: alarm.subject):
            title, text = _title(alarms, message), "\n".join(_line(a, message, now, alarms) for a in alarms)
            found.append(alert(stack, _level(alarms, message), title, text, now))
    return found


def _level(alarms: Sequence[Alarm], message: Told) -> Level:
    if message is Told.RECOVERED:
        return Level.INFO
    if message is Told.FLAPPING:
        return Level.WARNING
    return max((alarm.level for alarm in alarms), key=SEVERITY.index)


def _title(alarms: Sequence[Alarm], message: Told) -> str:
    if len(alarms) <= FEW:
        return ", ".join(f"{alarm.subject} {_phrase(alarm, message)}" for alarm in alarms)
    state = {
        Told.DOWN: "are wrong",
        Told.REMINDER: "are still wrong",
        Told.FLAPPING: "keep changing",
        Told.RECOVERED: "are right again",
    }[message]
    return f"{len(alarms)} things {state}: {', '.join(alarm.subject for alarm in alarms)}"


def _phrase(alarm: Alarm, message: Told) -> str:
    words = WORDS.get(alarm.subject.split()[0], OTHER)
    if message is Told.REMINDER and (alarm.flapping or not alarm.lasts):
        message = Told.FLAPPING
    return {
        Told.DOWN: words.wrong,
        Told.REMINDER: words.still,
        Told.FLAPPING: "keeps changing",
        Told.RECOVERED: words.over,
    }[message]


def _line(alarm: Alarm, message: Told, now: datetime, alarms: Sequence[Alarm]) -> str:
    named = f"{alarm.subject}: " if len(alarms) > 1 else ""
    if message is Told.RECOVERED:
        lasted = age((alarm.cleared_at or now) - alarm.raised_at)
        return f"{named}it lasted {lasted}" + (f" ({alarm.detail})" if alarm.detail else "")
    if message is Told.DOWN:
        return named + alarm.detail
    if message is Told.FLAPPING:
        return (
            f"{named}it goes wrong and right again and again ({alarm.detail}); told again once it is steady"
        )
    return f"{named}for {age(now - alarm.raised_at)} now: {alarm.detail}"
