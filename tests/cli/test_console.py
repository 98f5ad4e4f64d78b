"""Tables, sizes and ages as a person reads them."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from watchdog.cli.backups import COLUMNS as BACKUPS
from watchdog.cli.console import age, listing, size
from watchdog.cli.incidents import COLUMNS as INCIDENTS

ID = "20261120_090000-ops-center"
LONG = "migration migrate exited with code 1; health: HTTP 503 three times in a row"
INCIDENT = {
    "incident": ID,
    "local time": "Nov 20 09:00",
    "outcome": "succeeded",
    "reason": LONG,
    "displaced rows": "7 inserted, 4 updated and 9 deleted rows in 3 tables",
}
BACKUP = {
    "timestamp": "20261120_090000",
    "local time": "Nov 20 09:00",
    "age": "12 min",
    "level": "unverified",
    "since": "12 min",
    "size": "168.4 MiB",
    "reason": LONG,
}


@pytest.mark.parametrize(
    ("row", "columns", "folds"),
    [(INCIDENT, INCIDENTS, {"reason", "displaced rows"}), (BACKUP, BACKUPS, {"reason"})],
)
def test_eighty_columns_hold_every_name_in_one_piece_and_every_word_of_the_reason(
    row: dict[str, str], columns: tuple[str, ...], folds: set[str]
) -> None:
    Console(width=80, file=(printed := StringIO())).print(listing([row], columns, folds))
    text = printed.getvalue()
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    for name in columns:
        words = row[name].split() if name in folds else [row[name]]
        assert [word for word in words if word not in text] == []


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (812, "812 B"), (14806, "14.5 KiB"), (168 * 1024**2, "168.0 MiB"), (2 * 1024**3, "2.0 GiB")],
)
def test_a_small_size_is_not_nothing(count: int, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        (timedelta(seconds=40), "40 s"),
        (timedelta(minutes=12), "12 min"),
        (timedelta(hours=5), "5 h"),
        (timedelta(days=3), "3 d"),
        (timedelta(seconds=-1), "0 s"),
    ],
)
def test_an_age_is_rounded_as_people_say_it(duration: timedelta, shown: str) -> None:
    assert age(duration) == shown
