"""How a table is hashed is SQL, built without a server."""

from __future__ import annotations

from watchdog.database.hashing import Method, measured, method_of
from watchdog.database.shape import Column, Shape


def shape(types: dict[str, str], *keys: tuple[str, ...]) -> Shape:
    columns = tuple(Column(name, type_name, False, False) for name, type_name in types.items())
    return Shape("public", 'o"dd', columns, keys)


TABLE = shape(
    {"note": "public.mood", "id": "bigint", "at": "timestamp(3) with time zone", "tags": "character(9)[]"},
    ("note", "id"),
    ("id",),
)
SOURCE = 'FROM ONLY "public"."o""dd" t'


def test_stored_values_are_hashed_and_a_type_of_the_users_by_its_text() -> None:
    row = 'ROW(t."at", t."id", t."note"::text, t."tags")'
    total = f"coalesce(sum(hash_record_extended({row}, 0)), 0)::text"
    assert measured(TABLE, Method("record")) == f"SELECT count(*), {total} {SOURCE}"


def test_the_text_of_whole_rows_is_hashed_where_the_server_cannot_hash_values() -> None:
    row = 'ROW(t."at", t."id", t."note", t."tags")'
    total = f"coalesce(sum(hashtextextended({row}::text, 0)), 0)::text"
    assert measured(TABLE, Method("text")) == f"SELECT count(*), {total} {SOURCE}"
    assert "hashtextextended(ROW()::text, 0)" in measured(shape({}), Method("record"))


def test_a_sample_goes_by_the_key_that_every_copy_agrees_on() -> None:
    statement = measured(TABLE, Method("record", 64))
    assert ' FILTER (WHERE hash_record_extended(ROW(t."id"), 0) % 64 = 0)' in statement


def test_without_a_key_or_a_method_rows_are_counted() -> None:
    assert measured(TABLE, None) == f"SELECT count(*), NULL {SOURCE}"
    assert measured(shape({"id": "bigint"}), Method("record", 64)) == f"SELECT count(*), NULL {SOURCE}"


def test_a_digest_names_its_method() -> None:
    for method in (Method("record"), Method("text", 64)):
        assert method_of(f"{method}:-123") == method
