"""Each statement, word for word, and every name and text quoted."""

from __future__ import annotations

import pytest

from watchdog.database import sql
from watchdog.database.properties import Grant, Properties, Setting, create_statement, list_items, statements


def test_quotes_identifiers_and_literals() -> None:
    assert sql.identifier('a"b') == '"a""b"'
    assert sql.literal("it's") == "'it''s'"
    assert sql.literal("a\\'b") == " E'a\\\\''b'"
    assert sql.literals(["a", "b"]) == "('a', 'b')"
    assert sql.literals([]) == "(NULL)"
    with pytest.raises(ValueError, match="NUL"):
        sql.identifier("a\0b")


def test_creates_a_database_like_another() -> None:
    assert sql.create_database(
        "a", owner="o", encoding="UTF8", collate="C", ctype="C", tablespace="fast"
    ) == (
        'CREATE DATABASE "a" TEMPLATE template0 ALLOW_CONNECTIONS false OWNER "o"'
        " ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TABLESPACE \"fast\""
    )
    assert sql.create_database(
        "a",
        owner="o",
        encoding="UTF8",
        collate="C",
        ctype="C",
        provider="i",
        locale="de-DE",
        icu_rules="&a < g",
    ).endswith("LC_CTYPE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' ICU_RULES '&a < g'")


def test_fences_renames_and_drops() -> None:
    assert sql.allow_connections("a", False) == 'ALTER DATABASE "a" ALLOW_CONNECTIONS false'
    assert sql.allow_connections("a", True) == 'ALTER DATABASE "a" ALLOW_CONNECTIONS true'
    assert sql.rename_database("a", "b") == 'ALTER DATABASE "a" RENAME TO "b"'
    assert sql.drop_database("a") == 'DROP DATABASE IF EXISTS "a"'


def test_ends_all_sessions_of_several_databases_at_once() -> None:
    assert sql.terminate(["a", "b"]).startswith(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname IN ('a', 'b') AND pid <> pg_backend_pid()"
    )


def test_measures_a_table_by_its_columns_in_one_order() -> None:
    assert sql.measure_table("public", "t", ["b", "a"]) == (
        'SELECT count(*), coalesce(sum(hashtextextended(ROW(t."a", t."b")::text, 0)), 0)::text'
        ' FROM ONLY "public"."t" t'
    )


def test_properties_become_statements() -> None:
    properties = Properties(
        owner="o",
        encoding="UTF8",
        collate="C",
        ctype="C",
        provider="c",
        locale=None,
        tablespace=None,
        connection_limit=5,
        grants=(Grant("", "TEMPORARY", False), Grant("r", "CONNECT", True)),
        settings=(Setting("", "search_path", '"$user", public'), Setting("r", "my.thing", "x")),
        comment=None,
    )
    created = (
        'CREATE DATABASE "a" TEMPLATE template0 ALLOW_CONNECTIONS false OWNER "o"'
        " ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    assert create_statement("a", properties, 140000) == created
    assert create_statement("a", properties, 150000) == f"{created} LOCALE_PROVIDER libc"
    assert statements("a", properties) == (
        'ALTER DATABASE "a" OWNER TO "o"',
        'ALTER DATABASE "a" CONNECTION LIMIT 5',
        'COMMENT ON DATABASE "a" IS NULL',
        "ALTER DATABASE \"a\" SET \"search_path\" TO '$user', 'public'",
        'ALTER ROLE "r" IN DATABASE "a" SET "my"."thing" TO \'x\'',
        'REVOKE ALL ON DATABASE "a" FROM PUBLIC',
        'REVOKE ALL ON DATABASE "a" FROM "o"',
        'GRANT TEMPORARY ON DATABASE "a" TO PUBLIC',
        'GRANT CONNECT ON DATABASE "a" TO "r" WITH GRANT OPTION',
    )


def test_reads_the_items_of_a_stored_list() -> None:
    assert list_items('"$user", public, "Odd ""one"') == ("$user", "public", 'Odd "one')
    assert list_items("") == ()


def test_settings_that_a_server_does_not_know_are_left_out() -> None:
    assert sql.set_where_known({"a": "1", "b": "it's"}) == (
        "SELECT set_config(name, wanted.value, false) FROM (VALUES ('a', '1'), ('b', 'it''s'))"
        " AS wanted (name, value) JOIN pg_settings USING (name)"
    )
