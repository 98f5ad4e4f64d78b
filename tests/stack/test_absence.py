"""Which ends are the engine's doing, because it was away itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.stack.samples import container
from watchdog.stack import Container
from watchdog.stack.absence import ended_by_absence

LOST = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BEFORE, AFTER = LOST - timedelta(hours=1), LOST + timedelta(seconds=3)
ENDED = container("job", id="job", state="exited", exit_code=3, started_at=BEFORE, finished_at=AFTER)
STARTED_AGAIN = container("web", id="web", state="running", started_at=AFTER)
LIVED_ON = container("web", id="web", state="running", started_at=BEFORE)


@pytest.mark.parametrize(
    ("containers", "taken_along"),
    [
        ([ENDED], {"job"}),
        ([ENDED, STARTED_AGAIN], {"job"}),
        ([ENDED, LIVED_ON], set()),
        ([STARTED_AGAIN], set()),
        ([], set()),
    ],
    ids=["alone", "beside one started again", "beside one that lived on", "nothing ended", "nothing"],
)
def test_an_engine_that_took_all_along_ended_them(containers: list[Container], taken_along: set[str]) -> None:
    assert ended_by_absence(containers, LOST) == taken_along


def test_what_ended_before_ended_by_itself() -> None:
    earlier = container("job", state="exited", exit_code=3, started_at=BEFORE, finished_at=BEFORE)
    assert ended_by_absence([earlier, STARTED_AGAIN], LOST) == frozenset()


def test_what_waits_for_its_restart_has_not_ended() -> None:
    looping = container("job", state="restarting", exit_code=3, started_at=AFTER, finished_at=AFTER)
    assert ended_by_absence([looping], LOST) == frozenset()
