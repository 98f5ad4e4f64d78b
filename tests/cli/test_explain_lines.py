"""What `explain` prints: the answer, lines in local time with the seconds since, and how it stands now."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

from rich.console import Console

from tests.fakes import MORNING
from watchdog.cli.explain import show

DOCUMENT: dict[str, Any] = {
    "stack": "shop",
    "about": "d1",
    "answer": "deployment d1: it failed and was rolled back",
    "now": {"armed": False, "why_not": ["x"], "answer": "if a deployment failed now, nothing"},
}


def line(seconds: float, kind: str, text: str) -> dict[str, Any]:
    at = MORNING + timedelta(seconds=seconds)
    return {"at": at.isoformat(), "seconds": seconds, "kind": kind, "text": text}


def printed(*lines: dict[str, Any], width: int = 240) -> list[str]:
    out = io.StringIO()
    show(Console(file=out, width=width), {**DOCUMENT, "lines": list(lines)})
    return [text.rstrip() for text in out.getvalue().splitlines()]


def test_a_line_has_its_moment_the_seconds_since_and_its_words_as_they_are() -> None:
    day, hour = f"{MORNING.astimezone():%Y-%m-%d}", f"{MORNING.astimezone():%H}"
    shown = printed(
        line(-60, "armed", "armed"),
        line(0, "deployment", "deployment observed"),
        line(2.04, "verdict", "failed: body [red]x[/red]\nsecond"),
    )
    before = f"{(MORNING - timedelta(minutes=1)).astimezone():%H:%M:%S}"
    assert shown[0] == "shop: deployment d1: it failed and was rolled back"
    assert shown[2].split() == [day, before, "armed", "armed"]
    assert shown[3].split() == [f"{hour}:00:00", "+0.0", "s", "deployment", "deployment", "observed"]
    assert shown[4].endswith("failed: body [red]x[/red]; second")
    assert shown[-1] == "now: if a deployment failed now, nothing"


def test_a_new_day_is_named_where_it_begins() -> None:
    tomorrow = timedelta(days=1).total_seconds()
    shown = printed(line(0, "step", "a"), line(tomorrow, "step", "b"), line(tomorrow + 1, "step", "c"))
    days = [text for text in shown if text.startswith("20")]
    assert len(days) == 2


def test_it_fits_a_narrow_terminal_without_losing_a_word() -> None:
    words = "backend exited with code 1 and nothing restarts it, which is told in many words"
    shown = printed(line(0, "verdict", words), width=60)
    assert all(word in " ".join(shown) for word in words.split())
    assert max(map(len, shown)) <= 60


def test_where_nothing_happened_there_are_no_lines() -> None:
    assert printed() == [
        "shop: deployment d1: it failed and was rolled back",
        "now: if a deployment failed now, nothing",
    ]
