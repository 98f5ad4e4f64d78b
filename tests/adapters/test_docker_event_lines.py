"""Whatever dockerd may send becomes an event, a reason to look, or nothing; never an error, never silence."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from tests.adapters.small_dockerd import RAW, line
from watchdog.adapters.docker_event_lines import LONGEST_LINE, filters, lines, parse, since_text
from watchdog.errors import StepFailed
from watchdog.stack import Event
from watchdog.stack.event import MISSED


def _parse(raw: Any) -> Event | None:
    return parse(json.dumps(raw).encode())


def test_a_line_becomes_an_event() -> None:
    assert _parse(RAW) == Event("die", 1795360000123456789, "shop", "backend", "66b8", 3)


def test_a_change_of_health_keeps_its_word_and_has_no_exit_code() -> None:
    attributes = {"com.docker.compose.project": "shop", "com.docker.compose.service": "db"}
    raw = {**RAW, "Action": "health_status: unhealthy", "Actor": {"ID": "1", "Attributes": attributes}}
    assert _parse(raw) == Event("health_status: unhealthy", 1795360000123456789, "shop", "db", "1")


def test_a_kill_names_its_signal() -> None:
    event = parse(line(1, "kill", signal="15"))
    assert event is not None
    assert (event.signal, event.asks_to_stop) == (15, True)


def test_what_belongs_to_no_project_is_no_event() -> None:
    assert _parse({**RAW, "Actor": {"ID": "1", "Attributes": {}}}) is None
    assert _parse({"Type": "network", "Action": "connect"}) is None


@pytest.mark.parametrize(
    "garbled",
    [
        b"{",
        b"\xff\xfe\x00",
        b"null",
        b"[1, 2]",
        b'"die"',
        b"[" * 100_000,
        b'{"message": "the daemon is shutting down"}',
        b'{"Type": "container", "Actor": null}',
        line(1).replace(b'"exitCode": "3"', b'"exitCode": "three"'),
        line(1).replace(b'"timeNano"', b'"time_nano"'),
    ],
)
def test_a_garbled_line_is_a_reason_to_look_at_everything(garbled: bytes) -> None:
    assert parse(garbled) == Event(MISSED)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_lines_are_found_however_they_were_cut(size: int) -> None:
    sent = line(1) + line(2) + b"\n" + line(3)
    chunks = [sent[at : at + size] for at in range(0, len(sent), size)]
    assert [parse(found) for found in lines(chunks)] == [parse(line(at)) for at in (1, 2, 3)]


def test_the_half_line_at_the_end_is_no_line() -> None:
    assert list(lines([line(1), line(2)[:50]])) == [line(1).rstrip()]


def test_a_line_without_end_is_given_up() -> None:
    with pytest.raises(StepFailed, match="without an end of line"):
        list(lines([b"x" * 65536] * (LONGEST_LINE // 65536 + 1)))


def test_since_keeps_its_nanoseconds() -> None:
    assert since_text(1795360000000000009) == "1795360000.000000009"


def test_dockerd_is_asked_to_leave_out_what_the_checks_of_containers_tell() -> None:
    asked = json.loads(unquote(filters()))
    assert asked["type"] == ["container"]
    assert asked["label"] == ["com.docker.compose.project"]
    assert {"die", "oom", "health_status"} <= set(asked["event"])
    assert not any(action.startswith("exec") for action in asked["event"])
