"""Names fit into 63 bytes, stay apart, and are known again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.database.names import (
    control_database,
    displaced_name,
    is_side,
    side_name,
    standby_name,
    verify_name,
)
from watchdog.errors import Refused

TS = "20261120_090000"


def test_short_names_are_kept_whole() -> None:
    assert side_name("app", TS) == "app_restore_20261120_090000"
    assert displaced_name("app", TS) == "app_pre_rollback_20261120_090000"


@given(st.text(min_size=1, max_size=63).filter(lambda name: len(name.encode("utf-8", "replace")) <= 63))
def test_every_name_fits_and_is_known_again(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    assert len(displaced_name(name, TS).encode()) <= 63
    assert not is_side(displaced_name(name, TS))
    for copy in (side_name(name, TS), standby_name(name, TS), verify_name(name, TS)):
        assert len(copy.encode()) <= 63
        assert is_side(copy)


def test_long_names_that_begin_alike_stay_apart() -> None:
    assert side_name("a" * 62 + "1", TS) != side_name("a" * 62 + "2", TS)


@pytest.mark.parametrize(
    "name", ["app", "app_restore_", "app_restore_2026", f"_restore_{TS}", f"app_restore_{TS}x"]
)
def test_other_names_are_not_ours(name: str) -> None:
    assert not is_side(name)


def test_the_control_connection_goes_elsewhere() -> None:
    assert control_database(["app"]) == "postgres"
    assert control_database(["postgres"]) == "template1"
    with pytest.raises(Refused):
        control_database(["postgres", "template1"])
