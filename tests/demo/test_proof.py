"""The demo's proof must fail wherever something is not back: otherwise its green says nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from demo.proof import Beyond, Comparison, Promises, alerts, beyond, compare
from demo.truth import OnDisk, Row, Table, Truth

ORDERS = Table(("id", "number", "quantity"), frozenset({("1", "1", "2"), ("2", "1000001", "1")}))
USERS = Table(("id", "email"), frozenset({("1", "Customer1@Example.org")}))
BEFORE = Truth(
    images={"backend": "sha256:aa", "database": "sha256:bb"},
    files={"compose.yaml": OnDisk(b"services: {}\n", 0o100644, 0, 0)},
    mounted=b"server {}\n",
    schema="CREATE TABLE orders ();",
    tables={"orders": ORDERS, "users": USERS},
)
PROMISES = Promises(early=[1000001], later=[1000002], every=[1000001, 1000002, 1000003])


def with_rows(table: Table, *rows: Row) -> Table:
    return replace(table, rows=table.rows | set(rows))


LIVE = {"orders": with_rows(ORDERS, ("3", "1000003", "1")), "users": USERS}
DISPLACED = {"orders": with_rows(ORDERS, ("3", "1000002", "1")), "users": USERS}
AFTER = replace(BEFORE, tables=LIVE)


def broken(found: list[Comparison]) -> list[str]:
    return [comparison.what for comparison in found if not comparison.holds]


def test_everything_back_holds_in_every_comparison() -> None:
    assert broken(compare(BEFORE, AFTER, DISPLACED, PROMISES)) == []


@pytest.mark.parametrize(
    ("after", "what"),
    [
        (replace(AFTER, images={**BEFORE.images, "backend": "sha256:cc"}), "running image IDs"),
        (replace(AFTER, images={"database": "sha256:bb"}), "running image IDs"),
        (replace(AFTER, mounted=b"server { }\n"), "site.conf inside the frontend"),
        (replace(AFTER, schema="CREATE TABLE orders (channel text);"), "database schema"),
        (replace(AFTER, tables={"orders": LIVE["orders"]}), "every row of before the deployment"),
    ],
)
def test_one_thing_that_is_not_back_is_named(after: Truth, what: str) -> None:
    assert broken(compare(BEFORE, after, DISPLACED, PROMISES)) == [what]


@pytest.mark.parametrize(
    "file",
    [
        OnDisk(b"services: {} \n", 0o100644, 0, 0),
        OnDisk(b"services: {}\n", 0o100600, 0, 0),
        OnDisk(b"services: {}\n", 0o100644, 1000, 0),
    ],
)
def test_a_file_must_be_back_with_bytes_mode_and_owner(file: OnDisk) -> None:
    found = compare(BEFORE, replace(AFTER, files={"compose.yaml": file}), DISPLACED, PROMISES)
    assert broken(found) == ["compose.yaml: bytes, mode, owner"]


def test_a_changed_row_is_not_back() -> None:
    lower = Table(USERS.columns, frozenset({("1", "customer1@example.org")}))
    after = replace(AFTER, tables={**LIVE, "users": lower})
    assert broken(compare(BEFORE, after, DISPLACED, PROMISES)) == ["every row of before the deployment"]


def test_a_lost_order_is_seen() -> None:
    """Acknowledged after the backup, and in neither database."""
    found = compare(BEFORE, AFTER, {"orders": ORDERS}, PROMISES)
    assert broken(found) == [
        "orders acknowledged after the backup: displaced",
        "every acknowledged order: live or displaced",
    ]


def test_without_a_single_early_order_nothing_is_proven() -> None:
    found = compare(BEFORE, AFTER, DISPLACED, replace(PROMISES, early=[]))
    assert broken(found) == ["orders acknowledged before the deployment: live"]


def test_counts_what_the_displaced_database_holds_beyond_the_live_one() -> None:
    """Also where the failed migration dropped a column, and where both gave the same key to other rows."""
    displaced = {
        "orders": Table(("id", "number"), frozenset({("1", "1"), ("2", "1000001"), ("3", "1000002")})),
        "users": Table(("id", "email"), frozenset({("1", "customer1@example.org")})),
        "invoices": Table(("id",), frozenset({("1",), ("2",)})),
    }
    assert beyond(BEFORE.tables, LIVE, displaced) == {
        "invoices": Beyond(2, 0, new_table=True),
        "orders": Beyond(1, 0),
        "users": Beyond(0, 1),
    }


def test_an_alert_that_never_came_is_seen() -> None:
    assert alerts(["shop: rollback started", "shop: rollback succeeded after 3.3 s"]).holds
    assert not alerts(["shop: rollback started"]).holds
