from datetime import timedelta

from tests.health.samples import after, answered, bad, check, ok
from watchdog.health.check import Answer
from watchdog.health.streak import CheckState, Color


def test_nothing_is_known_before_the_first_answer() -> None:
    assert CheckState(check()).color is Color.UNKNOWN


def test_one_good_answer_makes_it_green() -> None:
    state = answered(check(), *ok(1))
    assert (state.color, state.since, state.confirmed_at) == (Color.GREEN, after(1), after(1))


def test_more_good_answers_are_needed_where_the_check_says_so() -> None:
    of = check(success_threshold=2)
    assert answered(of, *ok(1)).color is Color.UNKNOWN
    assert answered(of, *ok(1)).confirmed_at is None
    assert answered(of, *ok(1, 2)).since == after(2)


def test_red_only_after_as_many_bad_answers_in_a_row_as_the_check_says() -> None:
    assert answered(check(), *ok(1), *bad(2, 3)).color is Color.GREEN
    assert answered(check(), *ok(1), *bad(2, 3), *ok(4), *bad(5, 6)).color is Color.GREEN
    state = answered(check(), *ok(1), *bad(2, 3, 4))
    assert (state.color, state.since, state.failures) == (Color.RED, after(4), 3)
    assert state.complaint == "HTTP 500"


def test_stays_red_with_the_first_instant_and_counts_on() -> None:
    state = answered(check(), *bad(1, 2, 3, 4, 5))
    assert (state.color, state.since, state.failures) == (Color.RED, after(3), 5)


def test_what_cannot_be_told_changes_nothing_but_is_remembered() -> None:
    before = answered(check(), *bad(1, 2))
    state = answered(check(), *bad(1, 2), (3, Answer.INCONCLUSIVE))
    assert (state.color, state.failures, state.failed_at) == (before.color, 2, before.failed_at)
    assert state.last is not None
    assert state.last.answer is Answer.INCONCLUSIVE


def test_counts_only_failures_since_a_given_moment() -> None:
    state = answered(check(), *bad(1, 2, 3, 4))
    assert state.failing_since(after(2))
    assert not state.failing_since(after(2) + timedelta(milliseconds=1))


def test_is_passing_only_while_the_last_answer_was_good() -> None:
    assert answered(check(), *ok(1)).passing
    assert not answered(check(), *ok(1), *bad(2)).passing
    assert answered(check(), *ok(1), *bad(2), *ok(3)).passing
