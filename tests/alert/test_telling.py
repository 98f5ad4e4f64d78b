"""What people read of alarms."""

from __future__ import annotations

from datetime import timedelta

from tests.fakes import MORNING
from watchdog.alert.alarm import Alarm, Told
from watchdog.alert.alert import Alert, Level
from watchdog.alert.telling import messages

DOWN, REMINDER, FLAPPING, RECOVERED = Told


def alarm(subject: str, detail: str = "HTTP 500", minutes: float = 5, **fields: object) -> Alarm:
    since = MORNING - timedelta(minutes=minutes)
    return Alarm("shop", subject, detail, since, **fields)  # type: ignore[arg-type]


def read(*heard: tuple[Alarm, Told]) -> list[tuple[Level, str, str]]:
    return [(a.level, a.title, a.text) for a in messages("shop", heard, MORNING)]


def over(subject: str) -> Alarm:
    return alarm(subject, minutes=17, cleared_at=MORNING - timedelta(minutes=5))


def test_one_is_told_with_its_detail() -> None:
    assert read((alarm("check api"), DOWN)) == [(Level.CRITICAL, "check api is down", "HTTP 500")]


def test_what_is_over_is_told_with_how_long_it_lasted() -> None:
    told = (Level.INFO, "check api is up again", "it lasted 12 min (HTTP 500)")
    assert read((over("check api"), RECOVERED)) == [told]


def test_a_reminder_says_since_when() -> None:
    assert read((alarm("rollback 20261120_080000-shop", "step", minutes=150), REMINDER)) == [
        (Level.CRITICAL, "rollback 20261120_080000-shop is still held", "for 2 h now: step")
    ]


def test_what_keeps_changing_is_said_so_also_when_reminded_of() -> None:
    flapping = alarm("check api", flapping=True)
    assert read((flapping, FLAPPING))[0][:2] == (Level.WARNING, "check api keeps changing")
    assert read((flapping, REMINDER))[0][1] == "check api keeps changing"


def test_what_went_down_together_is_one_message_of_the_gravest_level() -> None:
    mild = alarm("check login", "slow", level=Level.WARNING)
    grave = alarm("service backend", "exited with code 1")
    assert read((mild, DOWN), (grave, DOWN)) == [
        (
            Level.CRITICAL,
            "check login is down, service backend is in trouble",
            "check login: slow\nservice backend: exited with code 1",
        )
    ]


def test_of_many_the_title_says_how_many() -> None:
    found: list[Alert] = messages("shop", [(alarm(f"check {n}"), DOWN) for n in range(20)], MORNING)
    assert len(found) == 1
    assert found[0].title.startswith("20 things are wrong: check 0, check 1")


def test_each_kind_of_message_is_one_alert() -> None:
    told = read((alarm("Docker"), DOWN), (over("check api"), RECOVERED), (over("check b"), RECOVERED))
    assert [title for _, title, _ in told] == [
        "Docker does not answer",
        "check api is up again, check b is up again",
    ]


def test_a_subject_of_somebody_else_has_words_too() -> None:
    assert read((alarm("moon"), DOWN))[0][1] == "moon is wrong"
