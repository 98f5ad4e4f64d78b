"""When people hear of what is wrong: a table of histories, and what must hold over any history."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import MORNING
from watchdog.alert.alarm import Alarm, Case, Rhythm, Told, Wrong, after, due_at, fresh, together
from watchdog.alert.alert import Level

RHYTHM = Rhythm()
MINUTE = 60
HOUR = 60 * MINUTE
DOWN, REMINDER, FLAPPING, RECOVERED = Told


def at(seconds: float) -> datetime:
    return MORNING + timedelta(seconds=seconds)


def wrong(seconds: float, detail: str = "HTTP 500") -> Wrong:
    return Wrong(detail, at(seconds))


class Story:
    """One alarm as time goes on: red and green at instants, looked at whenever something is due."""

    def __init__(self, hushed: tuple[float, float] = (-1, -1)) -> None:
        self.alarm = fresh("shop", "check api", at(0))
        self.heard: list[tuple[float, Told]] = []
        self._seen = at(0)
        self._wrong: Wrong | None = None
        self._hushed = hushed

    def turn(self, seconds: float, red: bool) -> None:
        self.until(seconds)
        self._wrong = (self._wrong or wrong(seconds)) if red else None
        self._look(seconds)

    def until(self, seconds: float) -> None:
        """Let time pass: it is looked at whenever something is due, and when a hush ends."""
        while (moment := self._due()) is not None and moment <= seconds:
            self._look(moment)

    def _due(self) -> float | None:
        case = Case(self.alarm, self._wrong, RHYTHM)
        due = due_at(self.alarm, case, self._seen)
        moment = (due - MORNING).total_seconds() if due else None
        if moment is None or not self._in_hush(moment):
            return moment
        anyway = due_at(self.alarm, replace(case, hushed=True), self._seen)
        return moment if anyway else self._hushed[1]

    def _look(self, seconds: float) -> None:
        self.alarm, message = after(self._case(seconds), at(seconds))
        self._seen = at(seconds)
        if message:
            self.heard.append((seconds, message))

    def _case(self, seconds: float) -> Case:
        return Case(self.alarm, self._wrong, RHYTHM, self._in_hush(seconds))

    def _in_hush(self, seconds: float) -> bool:
        return self._hushed[0] <= seconds < self._hushed[1]


def history(*turns: float, until: float, hushed: tuple[float, float] = (-1, -1)) -> list[tuple[float, Told]]:
    """Red at the first instant, green at the second, and so on."""
    story = Story(hushed)
    for number, seconds in enumerate(turns):
        story.turn(seconds, red=number % 2 == 0)
    story.until(until)
    return story.heard


TURNS_BACK = [0, 60, 120, 180, 240]
"""Red, green, red, green, red: five changes within half an hour."""


@pytest.mark.parametrize(
    ("turns", "until", "heard"),
    [
        ([], HOUR, []),
        ([0], 9, []),
        ([0], 10, [(10, DOWN)]),
        ([0, 9], HOUR, []),
        ([0, 300], HOUR, [(10, DOWN), (310, RECOVERED)]),
        ([0, 300, 305, 900], HOUR, [(10, DOWN), (910, RECOVERED)]),
        ([0], 2 * HOUR, [(10, DOWN), (1810, REMINDER)]),
        ([0], 3 * HOUR, [(10, DOWN), (1810, REMINDER), (9010, REMINDER)]),
        (
            [0],
            15 * HOUR,
            [(10, DOWN), (1810, REMINDER), (9010, REMINDER), (30610, REMINDER), (52210, REMINDER)],
        ),
        (TURNS_BACK[:4], 200, [(10, DOWN), (70, RECOVERED), (130, DOWN), (190, RECOVERED)]),
        (
            [*TURNS_BACK, 300],
            HOUR,
            [(10, DOWN), (70, RECOVERED), (130, DOWN), (190, RECOVERED), (240, FLAPPING), (1200, RECOVERED)],
        ),
        (
            TURNS_BACK,
            1200,
            [(10, DOWN), (70, RECOVERED), (130, DOWN), (190, RECOVERED), (240, FLAPPING), (1140, REMINDER)],
        ),
        ([0, 1, 2, 3, 4, 5], HOUR, [(4, FLAPPING), (905, RECOVERED)]),
    ],
)
def test_a_history_is_told(turns: list[float], until: float, heard: list[tuple[float, Told]]) -> None:
    assert history(*turns, until=until) == heard


@pytest.mark.parametrize(
    ("turns", "hushed", "heard"),
    [
        ([0], (0, 600), [(600, DOWN)]),
        ([0, 100], (0, 600), []),
        ([0, 300], (100, 600), [(10, DOWN), (310, RECOVERED)]),
        ([0], (100, 2000), [(10, DOWN), (2000, REMINDER)]),
        ([0, 10, 20, 30, 40, 50, 60], (0, 100), [(100, DOWN)]),
    ],
)
def test_in_a_hush_only_what_is_over_is_told_and_the_rest_afterwards_if_it_lasts(
    turns: list[float], hushed: tuple[float, float], heard: list[tuple[float, Told]]
) -> None:
    assert history(*turns, until=max(700, hushed[1]), hushed=hushed) == heard


def test_what_flapped_is_news_again_once_it_was_steady() -> None:
    heard = history(*TURNS_BACK, 300, 1300, until=1400)
    assert heard[-2:] == [(1200, RECOVERED), (1310, DOWN)]


def test_it_lasts_from_when_it_began_not_from_when_it_was_told() -> None:
    alarm, message = after(Case(fresh("shop", "check api", at(0)), wrong(-100)), at(0))
    assert (message, alarm.raised_at, alarm.told_at) == (DOWN, at(-100), at(0))


def test_a_reminder_has_the_words_of_today() -> None:
    alarm = Alarm("shop", "check api", "HTTP 500", at(0), told_at=at(10))
    reminded, message = after(Case(alarm, wrong(0, "connection refused")), at(HOUR))
    assert (message, reminded.detail) == (REMINDER, "connection refused")


def test_what_is_seen_again_unchanged_leaves_the_row_as_it_is() -> None:
    alarm = Alarm("shop", "check api", "HTTP 500", at(0), told_at=at(10), changes=(at(0),))
    assert after(Case(alarm, wrong(0, "another detail")), at(60)) == (alarm, None)


def test_a_clock_put_back_makes_no_alarm_wait_longer_than_its_pause() -> None:
    alarm = Alarm("shop", "check api", "HTTP 500", at(0), told_at=at(10))
    back, _ = after(Case(alarm, wrong(0)), at(-HOUR))
    assert due_at(back, Case(back, wrong(0)), at(-HOUR)) == at(-HOUR + 30 * MINUTE)


def test_the_last_pause_goes_on_for_ever() -> None:
    assert [RHYTHM.pause(n) for n in (0, 1, 2, 3, 99)] == [*RHYTHM.remind, *RHYTHM.remind[-1:] * 2]


def test_what_goes_down_together_is_told_together() -> None:
    cases = [Case(fresh("shop", name, at(0)), wrong(since)) for name, since in (("a", 0), ("b", 9))]
    assert [message for _, message in together(cases, at(9))] == [None, None]
    assert [message for _, message in together(cases, at(10))] == [DOWN, DOWN]


def test_what_came_back_a_second_ago_is_not_hastened_by_what_goes_down() -> None:
    back = Alarm("shop", "b", "HTTP 500", at(-100), told_at=at(-90))
    cases = [Case(fresh("shop", "a", at(0)), wrong(0)), Case(back, None)]
    assert [message for _, message in together(cases, at(10))] == [DOWN, None]


def test_the_level_is_that_of_what_is_wrong() -> None:
    mild = Wrong("slow", at(0), Level.WARNING)
    alarm, _ = after(Case(fresh("shop", "check api", at(0)), mild), at(20))
    assert alarm.level is Level.WARNING


turns = st.lists(st.integers(1, 2000), max_size=25)
hushes = st.tuples(st.integers(0, 20_000), st.integers(0, 5_000)).map(lambda pair: (pair[0], sum(pair)))


def _told_of(pauses: list[int], hush: tuple[int, int]) -> tuple[Story, float, bool]:
    """The story, when it last turned, and whether it ended red."""
    story, now = Story(hush), 0.0
    for number, pause in enumerate(pauses):
        now += pause
        story.turn(now, red=number % 2 == 0)
    return story, now, len(pauses) % 2 == 1


@given(turns, hushes)
def test_nobody_hears_twice_that_it_is_down_without_hearing_in_between_that_it_is_up(
    pauses: list[int], hush: tuple[int, int]
) -> None:
    story, now, _ = _told_of(pauses, hush)
    story.until(now + 10 * HOUR)
    taken_for_wrong = False
    for _, message in story.heard:
        if message is DOWN:
            assert not taken_for_wrong
        if message in {REMINDER, RECOVERED}:
            assert taken_for_wrong
        taken_for_wrong = message is not RECOVERED


@given(turns, hushes)
def test_what_lasts_is_told_and_what_is_over_is_told_to_be_over(
    pauses: list[int], hush: tuple[int, int]
) -> None:
    story, now, red = _told_of(pauses, hush)
    story.until(max(now, hush[1]) + HOUR)
    assert (story.alarm.told_at is not None) is red


@given(turns, hushes)
def test_one_alarm_is_told_of_a_bounded_number_of_times_in_half_an_hour(
    pauses: list[int], hush: tuple[int, int]
) -> None:
    """Four changes one by one, then FLAPPING, and one message a quarter of an hour at most."""
    story, now, _ = _told_of(pauses, hush)
    story.until(now + 10 * HOUR)
    moments = [seconds for seconds, _ in story.heard]
    for begin in moments:
        assert len([m for m in moments if begin <= m < begin + 30 * MINUTE]) <= 7
