import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.fakes import MORNING
from watchdog.incident import Incident, Moment
from watchdog.incident.incident import render, write

INCIDENT = Incident(
    id="20261120_090000-shop",
    stack="shop",
    outcome="held",
    actor="automatic",
    started_at=MORNING,
    ended_at=MORNING + timedelta(seconds=4.5),
    reasons=("api: HTTP 500", "backend exited with 1"),
    target="release-1",
    backup="20261120_085900",
    timeline=(
        Moment(MORNING, "decided"),
        Moment(MORNING + timedelta(seconds=1), "stop_services", 1.25),
        Moment(MORNING + timedelta(seconds=2), "verify_health", 2.0, "api: HTTP 500"),
    ),
    displaced=(("shop", "shop_pre_rollback_20261120_090000"),),
    detail="verify_health failed",
)


def test_the_report_tells_what_failed_what_was_done_and_where_the_data_is() -> None:
    lines = render(INCIDENT).splitlines()
    expected = [
        "# Incident 20261120_090000-shop: shop",
        "- Outcome: **held** (verify_health failed)",
        "- Ended: 2026-11-20T09:00:04+00:00",
        "- Went back to: release release-1, backup 20261120_085900",
        "- Beside this report: the last logs of the containers (`logs/`), replaced files (`displaced/`)",
        "- api: HTTP 500",
        "- backend exited with 1",
        "| 09:00:00.000000 | decided |  |  |",
        "| 09:00:01.000000 | stop services | 1.25 |  |",
        "| 09:00:02.000000 | verify health | 2.00 | api: HTTP 500 |",
        "- The state of `shop` from before the rollback stays as database "
        "`shop_pre_rollback_20261120_090000`, read-only.",
    ]
    assert [line for line in lines if line in expected] == expected


def test_an_error_of_several_lines_stays_one_row_of_the_table() -> None:
    moment = Moment(MORNING, "restart_services", 1.0, "docker compose said:\nno such image | a|b")
    report = render(replace(INCIDENT, timeline=(moment,)))
    assert "| restart services | 1.00 | docker compose said: no such image \\| a\\|b |\n" in report


def test_an_open_incident_without_a_database_says_so() -> None:
    report = render(replace(INCIDENT, ended_at=None, backup=None, displaced=(), detail=""))
    assert "- Ended: still open\n" in report
    assert "backup none (database kept)\n" in report
    assert "No database was displaced.\n" in report


def test_both_forms_are_written_for_the_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "incidents" / INCIDENT.id
    write(INCIDENT, directory)
    assert {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()} == {
        "incident.md": 0o600,
        "incident.json": 0o600,
    }
    assert directory.stat().st_mode & 0o777 == 0o700
    document = json.loads((directory / "incident.json").read_text())
    assert document["displaced"] == [["shop", "shop_pre_rollback_20261120_090000"]]
    assert (directory / "incident.md").read_text() == render(INCIDENT)


def test_writing_again_replaces_the_first_report(tmp_path: Path) -> None:
    write(replace(INCIDENT, reasons=INCIDENT.reasons * 50), tmp_path)
    write(INCIDENT, tmp_path)
    assert (tmp_path / "incident.md").read_text() == render(INCIDENT)
