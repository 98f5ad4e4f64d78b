"""The unit's life under the real systemd of Debian 12: start, watchdog, crash, end."""

from __future__ import annotations

import json
import time

import pytest

from tests.host.host import UNIT, Host

pytestmark = [pytest.mark.host, pytest.mark.timeout(300)]  # the first one builds the images


def test_is_active_once_it_guards_and_says_what_it_guards(host: Host) -> None:
    assert host.show("ActiveState", "SubState", "StatusText") == ("active", "running", "guarding shop")


def test_lives_without_an_engine_and_says_so(host: Host) -> None:
    (status,) = json.loads(host.run("/opt/ops-watchdog/bin/ops-watchdog", "status", "--json"))
    assert (status["docker"], status["armed"]) == ("does not answer", False)
    assert host.systemctl("is-active", UNIT) == "active"


def test_is_started_again_after_it_was_killed(host: Host) -> None:
    cursor, (before,) = host.cursor(), host.show("MainPID")
    host.systemctl("kill", "--kill-whom=main", "--signal=KILL", UNIT)
    host.await_event("started", cursor)
    host.until(lambda: host.show("ActiveState") == ("active",))
    after, restarts = host.show("MainPID", "NRestarts")
    assert (after != before, restarts) == (True, "1")


def test_stops_within_seconds_and_leaves_nothing(host: Host) -> None:
    began = time.monotonic()
    host.systemctl("stop", UNIT)
    assert time.monotonic() - began < 5
    assert host.show("ActiveState", "Result", "ExecMainStatus") == ("inactive", "success", "0")
    assert host.run("ls", "/run").find("ops-watchdog") == -1


def test_pings_the_watchdog_for_as_long_as_it_lives(host: Host) -> None:
    began = impatient(host)
    host.until(lambda: int(host.show("WatchdogTimestampMonotonic")[0]) > began + 3_000_000)
    assert host.show("ActiveState", "NRestarts") == ("active", "0")


def test_is_killed_and_started_again_once_it_hangs(host: Host) -> None:
    impatient(host)
    cursor = host.cursor()
    host.systemctl("kill", "--kill-whom=main", "--signal=STOP", UNIT)
    host.await_event("started", cursor)
    assert any("Watchdog timeout" in str(entry["MESSAGE"]) for entry in host.entries(cursor))


def impatient(host: Host) -> int:
    """Restarts it with a watchdog of 2 s; returns systemd's time of the first ping, in microseconds."""
    host.drop_in("impatient", "[Service]\nWatchdogSec=2\nRestartSec=0\n")
    host.systemctl("restart", UNIT)
    return int(host.show("WatchdogTimestampMonotonic")[0])
