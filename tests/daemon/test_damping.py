"""A warning that comes again and again is worth a line now and then."""

from __future__ import annotations

from datetime import timedelta

from tests.daemon.house import HostClock
from watchdog.daemon.damping import AGAIN, Damper


def test_the_same_reason_is_said_once_until_its_time_has_passed() -> None:
    clock = HostClock()
    damper = Damper(clock)
    said = []
    for _ in range(int(AGAIN.total_seconds()) + 1):
        said.append(damper.is_news("database is locked"))
        clock.tick(timedelta(seconds=1))
    assert (said[0], said.count(True), said[-1]) == (True, 2, True)


def test_another_reason_is_said_at_once() -> None:
    damper = Damper(HostClock())
    said = [reason for reason in ("locked", "full", "full", "locked") if damper.is_news(reason)]
    assert said == ["locked", "full", "locked"]
