"""Progress as a person reads it."""

from __future__ import annotations

from watchdog.cli.lines import sentence

AT = "2026-11-20T09:00:00.120000+00:00"


def test_a_step_has_the_name_that_the_plan_gave_it() -> None:
    begun = sentence({"event": "step_started", "at": AT, "step": "restore_database"})
    ended = {"event": "step_finished", "at": AT, "step": "restore_database", "seconds": 1.5, "error": "no"}
    assert begun.endswith("  restore database …")
    assert sentence(ended).endswith("  restore database 1.50 s: no")


def test_an_event_that_says_nothing_to_a_person_is_no_line() -> None:
    assert sentence({"event": "inbox_drained", "at": AT}) == ""
