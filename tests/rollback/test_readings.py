"""The numbers that metrics show: what is not known has none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.fakes import MORNING
from tests.rollback.samples import backup
from watchdog.backup.backup import FileEntry, Level
from watchdog.rollback.readings import HELP, Seen, of_stack

NOTHING = Seen("shop", None, False, None, {}, (), {}, {})


def numbers(seen: Seen) -> dict[str, float]:
    """By name and what else tells them apart."""
    readings = list(of_stack(seen, MORNING))
    assert all(reading.name in HELP and reading.labels[0] == ("stack", "shop") for reading in readings)
    return {" ".join([r.name, *(value for _, value in r.labels[1:])]): r.value for r in readings}


def test_of_what_is_not_known_nothing_is_told() -> None:
    assert numbers(NOTHING) == {"docker_up": 0, "backups": 0}


def test_everything_that_is_known_is_a_number() -> None:
    whole = backup(minutes=5, files=(FileEntry("db", 70, ""), FileEntry("compose", 30, "")))
    seen = replace(
        NOTHING,
        armed=True,
        reachable=True,
        since_look=timedelta(seconds=7),
        checks={"api": True, "page": False},
        backups=[backup(minutes=1, level=Level.DAMAGED), whole],
        phases={"good": 3, "rolled back": 1, "monitoring": 1, "deploying": 1},
        outcomes={"succeeded": 1, "held": 2, "running": 1},
    )
    assert numbers(seen) == {
        "armed": 1,
        "docker_up": 1,
        "seconds_since_look": 7,
        "check_up api": 1,
        "check_up page": 0,
        "backups": 2,
        "backup_complete": 0,
        "backup_age_seconds": 300,
        "backup_size_bytes": 100,
        "deployments good": 3,
        "deployments rolled back": 1,
        "rollbacks succeeded": 1,
        "rollbacks held": 2,
    }
