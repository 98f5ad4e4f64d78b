from datetime import timedelta

from tests.fakes import MORNING
from watchdog.alert import Level
from watchdog.alert.alert import alert


def test_identifiers_sort_by_time_and_never_repeat() -> None:
    made = [alert("shop", Level.INFO, "t", "", MORNING + timedelta(seconds=s)) for s in (0, 0, 0, 1)]
    ids = [a.id for a in made]
    assert len(set(ids)) == 4
    assert max(ids) == ids[3]
