"""An account says how much of a database was hashed, whenever it was made."""

from __future__ import annotations

import pytest

from watchdog.database.contents import FULL_HASHES_BELOW_BYTES, SAMPLES_BELOW_BYTES, hashes_for
from watchdog.stack import Contents, TableCount

COUNTED = TableCount(3)
WHOLE = TableCount(3, digest="record/1:-17")
SAMPLE = TableCount(3, digest="record/64:5")
OLD = TableCount(3, "17")


@pytest.mark.parametrize(
    ("tables", "hashes"),
    [
        ([], "full"),
        ([COUNTED], "counts"),
        ([WHOLE, COUNTED], "full"),
        ([OLD], "full"),
        ([WHOLE, SAMPLE, COUNTED], "sampled"),
    ],
)
def test_says_how_much_of_it_was_hashed(tables: list[TableCount], hashes: str) -> None:
    named = {f"public.t{number}": table for number, table in enumerate(tables)}
    assert Contents(150018, named, {}).hashes == hashes


def test_a_hash_of_before_there_were_methods_is_one_of_all_rows_text() -> None:
    assert [table.told for table in (COUNTED, WHOLE, OLD)] == [None, "record/1:-17", "text/1:17"]


def test_the_larger_a_database_the_less_of_it_is_hashed() -> None:
    sizes = (FULL_HASHES_BELOW_BYTES - 1, FULL_HASHES_BELOW_BYTES, SAMPLES_BELOW_BYTES)
    assert [hashes_for(size) for size in sizes] == ["full", "sampled", "counts"]
