"""Durations and sizes are read as operators write them, and nothing else is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.settings.units import format_duration, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(days=14)),
        ("1h30m", timedelta(minutes=90)),
        ("500ms", timedelta(milliseconds=500)),
        ("1m500ms", timedelta(seconds=60.5)),
        ("0s", timedelta()),
    ],
)
def test_reads_durations(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "s",
        "1.5h",
        "30 s",
        "30S",
        "5m1h",
        "1h1h",
        "-5m",
        "PT5M",
        "5mins",
        "36501d",
        "9" * 5000 + "d",
    ],
)
def test_refuses_other_durations(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration such as|at most 36500d"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**12).map(lambda ms: timedelta(milliseconds=ms)))
def test_a_duration_survives_the_round_trip(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "size"),
    [("0B", 0), ("512MiB", 512 * 1024**2), ("2GiB", 2 * 1024**3), ("2 GB", 2 * 10**9), ("1kB", 1000)],
)
def test_reads_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "2", "2G", "2gib", "1.5GiB", "-1GiB", "GiB"])
def test_refuses_other_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="size such as"):
        parse_size(text)
