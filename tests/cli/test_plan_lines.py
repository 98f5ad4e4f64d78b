"""The plan as a person reads it."""

from __future__ import annotations

from typing import Any

from watchdog.cli.plan_lines import plan_lines

OUTLOOK = {
    "database": "shop",
    "outside": [{"address": "10.0.0.9", "user": "bi", "application": ""}],
    "standby": "none: the backup is restored first",
}
FULL: dict[str, Any] = {
    "plan": ["preflight", "restore_database", "revert_compose"],
    "why": "the database goes back too",
    "unattended": "full (rollback.database: auto)",
    "release": "r1",
    "backup": "20261120_090000",
    "backup_age": "3 min",
    "databases": ["shop"],
    "returning": {},
    "displaces": [
        {"database": "shop", "table": "public.orders", "written": 12, "net": 7},
        {"database": "shop", "table": "public.old", "written": None, "net": -3},
    ],
    "displaces_unknown": ["crm: it does not answer"],
    "outlook": [OUTLOOK],
    "images": [{"service": "api", "from": None, "to": "sha256:1"}],
    "files": ["/srv/compose.yml"],
    "moved_away": ["/srv/.env"],
    "notes": ["tags were looked up today"],
    "not_rolled_back": "mail already sent",
    "obstacles": ["no room"],
}


def lines(**changes: Any) -> list[str]:
    return list(plan_lines({**FULL, **changes}))


def test_says_what_is_done_and_why_and_what_it_costs() -> None:
    assert lines() == [
        "Plan: preflight → restore database → revert compose",
        "Because the database goes back too",
        "Unattended it would be: full (rollback.database: auto)",
        "Database shop: backup 20261120_090000, 3 min old",
        "Displaces public.orders of shop: up to 12 rows written since, +7 in all",
        "Displaces public.old of shop: -3 in all",
        "Displaces unknown rows of crm: it does not answer",
        "Cut off from shop: bi from 10.0.0.9 (unnamed), from outside of the stack",
        "Standby copy of shop: none: the backup is restored first",
        "To release r1",
        "Image of api: none → sha256:1",
        "File /srv/compose.yml",
        "File /srv/.env: moved away, the release did not have it",
        "Not rolled back: mail already sent",
        "NOTE: tags were looked up today",
        "OBSTACLE: no room",
    ]


def test_an_undo_names_what_comes_back_and_a_lone_database_that_the_release_stays() -> None:
    former = "shop_pre_rollback_20261120_090000"
    assert f"Database shop: {former} comes back" in lines(returning={"shop": former}, outlook=[])
    assert "Release: what runs stays; the same containers are started again" in lines(
        plan=["preflight", "restore_database"]
    )
    assert "Database: kept as it is" in lines(databases=[], outlook=[])
