"""An alarm: something is wrong until it is right again. Told when raised, reminded of, and told when over.

A row per subject, so that a restarted daemon neither repeats nor forgets it. Pure: `daemon.alarming` says
what is wrong and writes what comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from watchdog.alert.alert import Level


class Told(StrEnum):
    """What people hear of an alarm. FLAPPING stands for all further changes until it has been steady."""

    DOWN = "down"
    REMINDER = "reminder"
    FLAPPING = "flapping"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When people hear of an alarm. Reminders: the field notes' values, the last pause for ever after.

    Attributes:
        moment: It must have lasted so long, wrong or right: what goes down together is told together, and a
            restart of a second is no news.
        flaps: So many changes within `flapping_within` are told once, and then nothing until `steady`.
    """

    remind: tuple[timedelta, ...] = (timedelta(minutes=30), timedelta(hours=2), timedelta(hours=6))
    moment: timedelta = timedelta(seconds=10)
    flaps: int = 5
    flapping_within: timedelta = timedelta(minutes=30)
    steady: timedelta = timedelta(minutes=15)

    def pause(self, reminders: int) -> timedelta:
        """Before the next reminder, after so many."""
        return self.remind[min(reminders, len(self.remind) - 1)]


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a subject now, as a sentence, and since when."""

    detail: str
    since: datetime
    level: Level = Level.CRITICAL


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is wrong with one subject (`check health`, `service backend`, `rollback 20260821_…`).

    Attributes:
        raised_at: When it began, as far as people know: not anew while they still take it for wrong.
        told_at: When people last heard that it is wrong; None while they take it for right.
        reminders: How often they were reminded; the pauses grow.
        cleared_at: When it was over; None while it lasts.
        changes: When it went wrong or right lately, oldest first; `flapping`: told to be doing so.
    """

    stack: str
    subject: str
    detail: str
    raised_at: datetime
    told_at: datetime | None = None
    reminders: int = 0
    cleared_at: datetime | None = None
    level: Level = Level.CRITICAL
    changes: tuple[datetime, ...] = ()
    flapping: bool = False

    @property
    def lasts(self) -> bool:
        return self.cleared_at is None

    @property
    def quiet(self) -> bool:
        """It is right, and nobody takes it for wrong."""
        return not self.lasts and self.told_at is None

    @property
    def wrong(self) -> Wrong | None:
        """What was seen last: for who cannot see anything new."""
        return Wrong(self.detail, self.raised_at, self.level) if self.lasts else None

    @property
    def turned_at(self) -> datetime:
        """When it last went wrong or right."""
        return self.changes[-1] if self.changes else self.cleared_at or self.raised_at


@dataclass(frozen=True, slots=True)
class Case:
    """One subject in one round; `hushed`: another story is told now, of this only that it is over."""

    alarm: Alarm
    wrong: Wrong | None
    rhythm: Rhythm = Rhythm()
    hushed: bool = False


def fresh(stack: str, subject: str, now: datetime) -> Alarm:
    """A subject that nothing was wrong with so far."""
    return Alarm(stack, subject, "", raised_at=now, cleared_at=now)


def together(cases: Sequence[Case], now: datetime) -> list[tuple[Alarm, Told | None]]:
    """Each alarm as it is from now on, and what people hear of it.

    What went down (or came up) less than a moment ago is told with what is due anyway: one message, not two.
    """
    found = [after(case, now) for case in cases]
    hastened = {message for _, message in found} & {Told.DOWN, Told.RECOVERED}
    return [_hastened(case, one, hastened, now) for case, one in zip(cases, found, strict=True)]


def _hastened(
    case: Case, found: tuple[Alarm, Told | None], kinds: set[Told | None], now: datetime
) -> tuple[Alarm, Told | None]:
    if found[1] is not None or not kinds:
        return found
    at_once = after(replace(case, rhythm=replace(case.rhythm, moment=timedelta(0))), now)
    return at_once if at_once[1] in kinds else found


def after(case: Case, now: datetime) -> tuple[Alarm, Told | None]:
    """The alarm once this was seen, and what people are to hear."""
    alarm = _noticed(case, now)
    message, at = _next(alarm, case.rhythm, now)
    if message is None or at > now or _unheard(message, case):
        return alarm, None
    return _told(alarm, message, case, now), message


def due_at(alarm: Alarm, case: Case, now: datetime) -> datetime | None:
    """When people are to hear of it next, if nothing changes; None: not at all."""
    message, at = _next(alarm, case.rhythm, now)
    return None if message is None or _unheard(message, case) else at


def _unheard(message: Told, case: Case) -> bool:
    return case.hushed and message is not Told.RECOVERED


def _noticed(case: Case, now: datetime) -> Alarm:
    """What is seen changes the alarm only where it turned. What turns in a hush is no flapping."""
    alarm, wrong = _not_ahead(case.alarm, now), case.wrong
    if (wrong is not None) is alarm.lasts:
        return alarm
    changes = _recent(alarm.changes if case.hushed else (*alarm.changes, now), case.rhythm, now)
    if wrong is None:
        return replace(alarm, cleared_at=now, changes=changes)
    since = alarm.raised_at if alarm.told_at is not None else min(wrong.since, now)
    return replace(_worded(alarm, wrong), raised_at=since, cleared_at=None, changes=changes)


def _next(alarm: Alarm, rhythm: Rhythm, now: datetime) -> tuple[Told | None, datetime]:
    """What is to be told next, and when."""
    if not alarm.flapping and len(_recent(alarm.changes, rhythm, now)) >= rhythm.flaps:
        return Told.FLAPPING, now
    if alarm.told_at is None:
        return (Told.DOWN, alarm.raised_at + rhythm.moment) if alarm.lasts else (None, now)
    reminder = Told.REMINDER, alarm.told_at + rhythm.pause(alarm.reminders)
    if alarm.flapping:
        message = Told.REMINDER if alarm.lasts else Told.RECOVERED
        return min((message, alarm.turned_at + rhythm.steady), reminder, key=lambda one: one[1])
    if alarm.lasts:
        return reminder
    return Told.RECOVERED, (alarm.cleared_at or now) + rhythm.moment


def _told(alarm: Alarm, message: Told, case: Case, now: datetime) -> Alarm:
    """People heard of it, in the words of today."""
    alarm = _worded(alarm, case.wrong) if case.wrong else alarm
    if alarm.flapping and now - alarm.turned_at >= case.rhythm.steady:
        alarm = replace(alarm, flapping=False, changes=())
    if message is Told.RECOVERED:
        return replace(alarm, told_at=None, reminders=0)
    if message is Told.REMINDER:
        return replace(alarm, told_at=now, reminders=alarm.reminders + 1)
    return replace(alarm, told_at=now, reminders=0, flapping=message is Told.FLAPPING)


def _worded(alarm: Alarm, wrong: Wrong) -> Alarm:
    return replace(alarm, detail=wrong.detail, level=wrong.level)


def _recent(changes: tuple[datetime, ...], rhythm: Rhythm, now: datetime) -> tuple[datetime, ...]:
    return tuple(at for at in changes if now - at <= rhythm.flapping_within)


def _not_ahead(alarm: Alarm, now: datetime) -> Alarm:
    """Nothing of it lies in the future: where the clock was put back, pauses would last too long."""
    told_at, cleared_at = alarm.told_at, alarm.cleared_at
    return replace(
        alarm,
        raised_at=min(alarm.raised_at, now),
        told_at=min(told_at, now) if told_at else None,
        cleared_at=min(cleared_at, now) if cleared_at else None,
        changes=tuple(min(at, now) for at in alarm.changes),
    )
