"""Truncated or with a bit flipped, at any place of any file: a set is never taken for sound.

Either it is listed as damaged at once, or reading its files back finds it; what is left is a manifest that
says the same as before.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backup.sets import ACCOUNT, RELEASE, TS, make
from watchdog.backup.backup import Backup, DatabaseDump, FileEntry, Level
from watchdog.backup.catalogue import catalogue, check_files
from watchdog.backup.manifest import config_name, from_json, to_json
from watchdog.errors import Corrupt
from watchdog.stack import Contents, TableCount

PLACES = 40
FILES = (f"db_backup_{TS}.dump.zst", f"manifest_{TS}.json", f"compose_{TS}.yml", f"config_{TS}/opt/shop/.env")


def flipped(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def cut(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data))]


def damaged(data: bytes, harm: Callable[[bytes, random.Random], bytes]) -> Iterator[bytes]:
    dice = random.Random(20261120)
    for _ in range(PLACES):
        yield harm(data, dice)


def usable(directory: Path) -> Backup | None:
    """The set as a target would be taken from it: listed as complete, and its files read back."""
    [listed] = catalogue(directory)
    if not listed.complete:
        return None
    try:
        check_files(listed)
    except Corrupt:
        return None
    return listed


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", [flipped, cut])
async def test_damage_at_any_place_is_found(
    tmp_path: Path, name: str, harm: Callable[[bytes, random.Random], bytes]
) -> None:
    backup = await make(tmp_path)
    path = tmp_path / name
    sound = path.read_bytes()
    for data in damaged(sound, harm):
        path.write_bytes(data)
        found = usable(tmp_path)
        assert found is None or (path.suffix == ".json" and found == backup), f"{name}: {data!r}"
    path.write_bytes(sound)
    assert usable(tmp_path) == backup


def test_a_manifest_with_any_bit_flipped_says_nothing_else(tmp_path: Path) -> None:
    """Each byte of it, one bit: the checksum tells, or what it says is the same."""
    backup = Backup(
        tmp_path, TS, datetime(2026, 11, 20, 9, tzinfo=UTC), Level.COMPLETE, "shop", "why", pinned=True
    )
    sound = to_json(backup)
    for place in range(len(sound)):
        changed = bytearray(sound)
        changed[place] ^= 1 << (place % 8)
        try:
            assert from_json(bytes(changed), tmp_path) == backup
        except Corrupt:
            continue


names = st.text(min_size=1, max_size=20)
moments = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))
counts = st.builds(TableCount, st.integers(0), st.none() | names, st.none() | names)
contents = st.builds(
    Contents,
    st.integers(90000, 200000),
    st.dictionaries(names, counts, max_size=3),
    st.dictionaries(names, st.integers(), max_size=3),
)
dumps = st.builds(
    DatabaseDump, names, names, names, st.builds(replace, st.just(ACCOUNT), contents=contents, snapshot=names)
)
entries = st.builds(FileEntry, names, st.integers(0), names)


@given(
    st.builds(
        Backup,
        directory=st.just(Path("/backups")),
        timestamp=st.just(TS),
        at=moments,
        level=st.sampled_from(Level),
        stack=names,
        reason=names,
        files=st.lists(entries, max_size=3).map(tuple),
        dumps=st.lists(dumps, max_size=2).map(tuple),
        seconds=st.integers(0, 10**6).map(lambda n: n / 1000),
        pinned=st.booleans(),
        checked_at=st.none() | moments,
        verified_at=st.none() | moments,
        made_by_script=st.booleans(),
        problem=st.text(max_size=20),
    )
)
def test_a_manifest_gives_back_what_was_written(backup: Backup) -> None:
    assert from_json(to_json(backup), Path("/backups")) == backup


def test_a_release_comes_back_byte_for_byte_whatever_its_files_are_called(tmp_path: Path) -> None:
    odd = replace(
        RELEASE.files[1], path=Path(b"/opt/sh\xf6p/\xe2\x82\xac odd".decode("utf-8", "surrogateescape"))
    )
    release = replace(RELEASE, files=(RELEASE.files[0], odd))
    files = []
    for index, file in enumerate(release.files):
        path = tmp_path / config_name(TS, index, file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        files.append(FileEntry(config_name(TS, index, file.path), len(file.content), file.sha256))
    at = RELEASE.captured_at + timedelta(minutes=1)
    backup = Backup(tmp_path, TS, at, Level.COMPLETE, "shop", files=tuple(files), release=release)
    assert from_json(to_json(backup), tmp_path) == backup
