"""How late checks were, judged from when their requests arrived."""

from __future__ import annotations

import pytest
from bench.detection.punctuality import lateness, worst


def test_a_steady_rhythm_is_never_late_wherever_it_begins() -> None:
    assert lateness([3.25, 8.25, 13.25], 5.0) == [0.0, 0.0, 0.0]


def test_one_late_request_is_late_by_itself() -> None:
    assert lateness([0.0, 5.5, 10.0], 5.0) == [0.0, 0.5, 0.0]


def test_a_late_first_request_does_not_shift_the_rhythm() -> None:
    assert lateness([1.0, 5.0, 10.0], 5.0) == [1.0, 0.0, 0.0]


def test_a_request_that_never_came_makes_all_later_ones_late() -> None:
    assert lateness([0.0, 10.0, 15.0], 5.0) == [0.0, 5.0, 5.0]


def test_the_worst_is_found_among_all_checks_each_in_its_own_rhythm() -> None:
    arrivals = {"/1": [0.0, 5.0, 10.25], "/2": [2.5, 7.5, 12.5]}
    assert worst(arrivals, 5.0, since=0.0) == pytest.approx(0.25)


def test_what_came_before_the_watch_counts_for_nothing() -> None:
    assert worst({"/1": [0.0, 9.0, 14.0]}, 5.0, since=1.0) == 0.0
