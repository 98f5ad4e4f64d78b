"""Tells the containers' own time from ours, by the engine's events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from demo.movements import Movement, OwnTime, own_exit, own_time, read_movements


def moved(at: float, kind: str, container: str, exit_code: int = 0) -> Movement:
    return Movement(at, kind, container, container, exit_code)


HEALTHY = "health_status: healthy"


def test_what_ended_badly_by_itself_is_the_sign() -> None:
    ended = moved(3, "die", "backend", 3)
    assert own_exit([moved(1, "start", "backend"), ended], since=0, until=9) == ended


@pytest.mark.parametrize(
    "movements",
    [
        [moved(1, "kill", "backend"), moved(2, "die", "backend", 143)],
        [moved(2, "die", "migrate", 0)],
        [moved(11, "die", "backend", 3)],
    ],
    ids=["stopped by somebody", "a migration that is done", "after the decision"],
)
def test_other_ends_are_no_sign(movements: list[Movement]) -> None:
    assert own_exit(movements, since=0, until=10) is None


def test_overlapping_stops_and_starts_count_once() -> None:
    movements = [
        moved(1, "kill", "backend"),
        moved(1.5, "kill", "frontend"),
        moved(2, "die", "backend"),
        moved(2.5, "die", "frontend"),
        moved(4, "start", "new"),
        moved(6, HEALTHY, "new"),
    ]
    assert own_time(movements, since=0, until=5) == OwnTime(stopping=1.5, starting=1.0, either=2.5)


def test_a_one_shot_has_started_when_it_is_done() -> None:
    movements = [moved(1, "start", "migrate"), moved(1.5, "die", "migrate")]
    assert own_time(movements, since=0, until=5).starting == 0.5


def test_the_life_of_a_container_that_was_killed_is_no_start() -> None:
    movements = [moved(1, "start", "frontend"), moved(3, "kill", "frontend"), moved(4, "die", "frontend")]
    assert own_time(movements, since=0, until=5) == OwnTime(stopping=1, starting=0, either=1)


def test_reads_what_docker_events_writes_and_leaves_a_half_line_out(tmp_path: Path) -> None:
    event = {
        "Action": "die",
        "Actor": {"ID": "c0ffee", "Attributes": {"com.docker.compose.service": "backend", "exitCode": "3"}},
        "timeNano": 1_500_000_000,
    }
    path = tmp_path / "events"
    path.write_text(json.dumps(event) + "\n" + '{"Action": "sta')
    assert read_movements(path) == [Movement(1.5, "die", "backend", "c0ffee", 3)]
