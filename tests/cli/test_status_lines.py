"""What `status` says to a person beside its tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

from rich.console import Console

from watchdog.cli.status import show

HOURS_AGO = (datetime.now(UTC) - timedelta(hours=5, minutes=1)).isoformat()
STATUS: dict[str, Any] = {
    "stack": "shop",
    "daemon": True,
    "armed": True,
    "why_not": [],
    "blind_spots": [],
    "mode": "auto",
    "quarantined": [],
    "proposal": None,
    "doing": None,
    "unreachable": None,
    "release": "r2",
    "last_known_good": "r1",
    "runs_last_known_good": False,
    "deployment": {"id": "d1", "phase": "good", "reasons": [], "started_at": HOURS_AGO},
    "last_rollback": {"id": "o1", "outcome": "aborted", "detail": "no room", "started_at": HOURS_AGO},
    "services": [],
    "checks": [],
    "backups": {"directory": "/b", "count": 2, "newest": "20261120_090000", "newest_at": HOURS_AGO},
    "standby": {"state": "ready", "backup": "20261120_090000", "reason": None},
    "displaced": [],
}


def lines(**changes: Any) -> list[str]:
    show(Console(width=80, file=(printed := StringIO())), {**STATUS, **changes})
    return [line.rstrip() for line in printed.getvalue().splitlines()]


def test_everything_that_has_a_moment_has_an_age() -> None:
    said = lines()
    assert "last deployment d1, 5 h ago: good" in said
    assert "last rollback o1, 5 h ago: aborted: no room" in said
    assert "backups: 2 in /b, newest 20261120_090000, 5 h ago" in said
    none = {**STATUS["backups"], "count": 0, "newest": None, "newest_at": None}
    assert "backups: 0 in /b" in lines(backups=none)


def test_says_what_would_be_seen_too_late() -> None:
    assert "blind spot: check api takes 900 s to fail" in lines(blind_spots=["check api takes 900 s to fail"])


def test_a_release_that_was_captured_twice_is_called_by_one_name() -> None:
    assert "release r2, last known good r1" in lines()
    assert "release r1, which is the last known good one" in lines(runs_last_known_good=True)


def test_says_what_rollbacks_left_on_the_server_until_when_and_what_is_wrong_with_it() -> None:
    left = {
        "name": "shop_pre_rollback_1",
        "server": "database",
        "kept_until": "2026-11-23T09:00:00+00:00",
        "trouble": "its dump fails",
    }
    [said] = [line for line in lines(displaced=[left]) if line.startswith("displaced: ")]
    assert said.startswith("displaced: shop_pre_rollback_1 on database, kept until Nov ")
    assert said.endswith(" at least: its dump fails")
