"""What an incident cost is told in figures, in the report beside what a person wrote there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes import MORNING
from tests.incident.test_incident import INCIDENT
from watchdog.errors import Corrupt, UsageError
from watchdog.incident.incident import listed, read, tell_loss, write
from watchdog.incident.loss import DatabaseLoss, TableLoss, figures, lines, total

USERS = TableLoss("public.users", 7, 5, 0, 12, 7)
EVENTS = TableLoss("public.events", None, None, None, 30, 4, "it has no key")
LOSS = DatabaseLoss("shop", "shop_pre_rollback_20261120_090000", MORNING, (USERS, EVENTS))


def test_figures_leave_out_what_is_zero_and_say_what_is_not_known() -> None:
    assert figures(USERS) == "7 inserted, 5 updated"
    assert figures(EVENTS) == "at most 30 inserted or updated, +4 rows in all"
    assert figures(replace(USERS, inserted=0, updated=0)) == "no rows"


def test_the_heaviest_loss_comes_first_and_the_rest_is_numbered() -> None:
    many = [TableLoss(f"t{number}", number, 0, 0) for number in range(1, 30)]
    assert lines(many, 2) == ["t29: 29 inserted", "t28: 28 inserted", "and 27 more tables"]
    assert lines([EVENTS]) == [
        "public.events: at most 30 inserted or updated, +4 rows in all (it has no key)"
    ]


def test_the_total_adds_up_what_is_known() -> None:
    assert total(LOSS) == "7 inserted, 5 updated and 30 inserted or updated rows in 2 tables"
    assert total(replace(LOSS, tables=(USERS,))) == "7 inserted and 5 updated rows in 1 table"
    assert total(replace(LOSS, tables=())) == "no rows"


def test_the_account_comes_into_report_and_document_and_keeps_what_a_person_wrote(tmp_path: Path) -> None:
    write(INCIDENT, tmp_path / INCIDENT.id)
    report = tmp_path / INCIDENT.id / "incident.md"
    report.write_text(report.read_text().replace("- Root cause:", "- Root cause: a migration"))
    for _ in range(2):
        tell_loss(tmp_path, INCIDENT.id, LOSS)
    text = report.read_text()
    assert text.count("| public.users | 7 inserted, 5 updated |  |\n") == 1
    assert text.count("## What was displaced\n\n- The state of `shop`") == 1
    assert f"`ops-watchdog incidents salvage {INCIDENT.id} --stack shop`\n\n## To be filled in\n" in text
    assert "- Root cause: a migration\n" in text
    assert read(tmp_path, INCIDENT.id) == replace(INCIDENT, lost=(LOSS,))


def test_a_report_that_a_person_rewrote_is_left_alone(tmp_path: Path) -> None:
    write(INCIDENT, tmp_path / INCIDENT.id)
    report = tmp_path / INCIDENT.id / "incident.md"
    report.write_text("mine")
    tell_loss(tmp_path, INCIDENT.id, LOSS)
    assert report.read_text() == "mine"
    assert read(tmp_path, INCIDENT.id).lost == (LOSS,)


def test_an_incident_of_before_there_were_accounts_is_read(tmp_path: Path) -> None:
    write(INCIDENT, tmp_path / INCIDENT.id)
    document = tmp_path / INCIDENT.id / "incident.json"
    document.write_text(document.read_text().replace('"lost": []', '"unknown": 1'))
    assert read(tmp_path, INCIDENT.id) == INCIDENT


def test_incidents_are_listed_by_stack_newest_first_and_a_damaged_one_hides_no_other(tmp_path: Path) -> None:
    second = replace(INCIDENT, id="20261121_090000-shop")
    other = replace(INCIDENT, id="20261122_090000-blog", stack="blog")
    for incident in (INCIDENT, other, second):
        write(incident, tmp_path / incident.id)
    assert [incident.id for incident in listed(tmp_path, "shop")] == [second.id, INCIDENT.id]
    (tmp_path / second.id / "incident.json").write_text("{")
    assert [incident.id for incident in listed(tmp_path, "shop")] == [INCIDENT.id]
    with pytest.raises(Corrupt, match="cannot be read"):
        read(tmp_path, second.id)
    with pytest.raises(UsageError, match=f"the newest: {other.id}"):
        read(tmp_path, "../../etc")
