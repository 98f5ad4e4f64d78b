"""Paths into JSON documents: what is one, and what lies there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.health.json_path import NOTHING, complaint, steps, value_at


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("status", ("status",)),
        ("checks.database", ("checks", "database")),
        ("nodes[0].state", ("nodes", 0, "state")),
        ("[2][10]", (2, 10)),
        ("[0].a b", (0, "a b")),
        ("checks.db:time[0]", ("checks", "db:time", 0)),
    ],
)
def test_a_path_is_keys_and_item_numbers(path: str, expected: tuple[str | int, ...]) -> None:
    assert steps(path) == expected


@pytest.mark.parametrize(
    "path", ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[-1]", "a[0]b", "$.a]", "a.[0]"]
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is no path such as"):
        steps(path)


def test_a_number_is_no_key_and_a_key_no_number() -> None:
    assert value_at({"0": "a"}, "[0]") is NOTHING
    assert value_at(["a"], "0") is NOTHING
    assert value_at({"0": "a"}, "0") == "a"
    assert value_at("text", "length") is NOTHING
    assert value_at({"a": None}, "a") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abc"), inner),
)


@given(
    json_values,
    st.sampled_from(["a", "a.b", "a[0]", "[0].a", "[1]"]),
    st.booleans() | st.integers() | st.text(),
)
def test_any_document_is_judged_without_quoting_its_text(
    document: object, path: str, expected: bool | int | str
) -> None:
    found, said = value_at(document, path), complaint(document, path, expected)
    assert said is None or said.startswith(f"{path} is ")
    assert not isinstance(found, str) or len(found) < 2 or found == expected or f'"{found}' not in str(said)
