"""Our copies are known by their exact names, and only those that nobody needs are dropped."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.database.test_restore import CLOCK, TS
from tests.postgres_server import Server
from watchdog.database import sql
from watchdog.database.leftovers import Copy, copies_of, drop_copies, find_copies, may_go, spared
from watchdog.database.names import displaced_name, side_name, standby_name, verify_name

LATER = "20261121_090000"
LONG = "a_name_that_is_far_too_long_for_a_suffix_behind_it_" + 12 * "x"


@given(st.text(min_size=1, max_size=63).filter(lambda name: "\0" not in name and name.isprintable()))
def test_every_copy_of_ours_is_known_again(live: str) -> None:
    made = [side_name(live, TS), standby_name(live, TS), verify_name(live, TS)]
    assert {(c.name, c.timestamp, c.proven) for c in copies_of(live, made)} == {
        (name, TS, name == standby_name(live, TS)) for name in made
    }


@pytest.mark.parametrize(
    "name",
    [
        "app",
        displaced_name("app", TS),
        "app_restore_20261120_090000_kept",
        "app_by_hand_20261120_090000",
        "app_restore_of_mine_20261120_090000",
        "my_app_restore_20261120_090000",
        "App_standby_20261120_090000",
        "app_standby_20261340_090000",
        "app_standby_2026112_090000",
        "app_standby_20261120_090000\n",
        standby_name("app2", TS),
        side_name(LONG, TS),
        side_name(LONG + "y", TS),
    ],
)
def test_what_merely_looks_alike_is_not_ours(name: str) -> None:
    assert copies_of("app", [name]) == []
    assert copies_of(LONG[:63], [name]) == (
        [] if name != side_name(LONG[:63], TS) else copies_of(LONG, [name])
    )


HALF, WHOLE = Copy("app_restore", TS, proven=False), Copy("app_standby", TS, proven=True)


@pytest.mark.parametrize(
    ("needed", "making", "abandoned", "gone"),
    [
        pytest.param({TS}, "", None, [HALF], id="half a copy helps nobody, whoever needs the backup"),
        pytest.param({LATER}, "", None, [HALF, WHOLE], id="nobody needs this backup"),
        pytest.param((), TS, None, [], id="it is being made"),
        pytest.param((), "", (), [WHOLE], id="without the lock a half one may be somebody's work"),
        pytest.param({TS}, "", {TS}, [HALF], id="unless its work was ended"),
    ],
)
def test_only_what_nobody_needs_may_go(
    needed: set[str], making: str, abandoned: set[str] | None, gone: list[Copy]
) -> None:
    assert may_go([HALF, WHOLE], needed, making, abandoned) == gone


def test_what_a_stranger_is_connected_to_stays() -> None:
    assert may_go([Copy("app_standby", TS, proven=True, fenced=False, strangers=1)], ()) == []


def test_one_that_somebody_opened_or_made_for_himself_stays() -> None:
    theirs = [replace(HALF, fenced=False, ours=False), replace(WHOLE, fenced=False, ours=False)]
    assert may_go(theirs, ()) == []
    assert spared([replace(HALF, size_bytes=3, ours=False)], TS, wanted_bytes=10) == 0


@pytest.mark.parametrize(
    ("timestamp", "copies", "bytes_more"),
    [
        pytest.param(TS, [], 0, id="nothing of ours lies there"),
        pytest.param(TS, [replace(WHOLE, size_bytes=7)], 10, id="the copy stands: nothing is to be restored"),
        pytest.param(None, [replace(WHOLE, size_bytes=7)], 10, id="whichever backup it will be"),
        pytest.param(LATER, [replace(WHOLE, size_bytes=7)], 7, id="that of another backup is dropped first"),
        pytest.param(TS, [replace(WHOLE, size_bytes=7, fenced=False)], 7, id="one that was opened, too"),
        pytest.param(TS, [replace(HALF, size_bytes=3)], 3, id="half a copy gives its room back"),
    ],
)
def test_what_our_copies_take_is_no_lack_of_room(
    timestamp: str | None, copies: list[Copy], bytes_more: int
) -> None:
    assert spared(copies, timestamp, wanted_bytes=10) == bytes_more


@pytest.mark.engine
async def test_copies_are_found_with_what_must_be_known_of_them(server: Server, database: str) -> None:
    half, whole = side_name(database, TS), standby_name(database, LATER)
    alike = f"{database}_restore_20261120_0900000"
    for name in (half, whole, alike, displaced_name(database, TS)):
        server.sql("postgres", f'CREATE DATABASE "{name}"')
    server.sql("postgres", sql.allow_connections(whole, False))
    assert [copy.ours for copy in await find_copies(server.cluster(), database)] == [False, True]
    server.sql("postgres", sql.open_copy(half))
    with server.connect(half):
        [first, second] = await find_copies(server.cluster(), database)
        assert (first.ours, second.ours) == (True, True)
        assert (first.name, first.proven, first.fenced, first.strangers) == (half, False, False, 1)
        assert (second.name, second.proven, second.fenced, second.strangers) == (whole, True, True, 0)
        assert first.size_bytes > 1_000_000
    async with server.cluster().connect(half):
        [ours, _] = await find_copies(server.cluster(), database)
        assert ours.strangers == 0, "a session of our own, left by a dead process, holds nothing up"
    assert await drop_copies(server.cluster(), database, [first, second], CLOCK) == (half, whole)
    assert set(server.databases(database)) == {database, alike, displaced_name(database, TS)}
