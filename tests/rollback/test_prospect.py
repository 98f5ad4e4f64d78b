"""What a rollback would do, as the alert says it."""

from dataclasses import replace

import pytest

from tests.fakes import MORNING
from tests.rollback.samples import backup
from tests.stack.samples import release
from watchdog.rollback.foresight import Foreseen
from watchdog.rollback.operate import Request
from watchdog.rollback.prospect import TOLD, command, prospect
from watchdog.rollback.target import AUTOMATIC, Target

SET = backup(minutes=3)
FULL = Request(Target(release("1"), SET), "full", AUTOMATIC, ("why",))
KEEPING = replace(FULL, plan="keep database")


def test_names_pair_age_steps_and_what_would_be_displaced() -> None:
    first, *losses = prospect(
        FULL, [Foreseen("db", "orders", 12, 3), Foreseen("db", "log", None, -4)], [], MORNING
    )
    assert first.startswith(
        f"It would go back to release release-1, with backup {SET.timestamp} (3 min old): "
    )
    assert "preflight → stop services → restore database → revert compose" in first
    assert losses == [
        "It would displace up to 12 rows of orders in db.",
        "It would displace up to 4 rows of log in db.",
    ]


def test_many_tables_are_counted_not_listed() -> None:
    tables = [Foreseen("db", f"t{n}", 1, 1) for n in range(TOLD + 3)]
    assert prospect(FULL, tables, [], MORNING)[-1] == "It would displace rows of 3 further tables."


@pytest.mark.parametrize(
    ("unknown", "said"),
    [
        ([], "It would displace no rows."),
        (["db: no account"], "Nobody knows how many rows it would displace in db: no account."),
    ],
)
def test_nothing_to_displace_is_another_thing_than_not_knowing(unknown: list[str], said: str) -> None:
    assert prospect(FULL, [], unknown, MORNING)[1:] == (said,)


def test_a_database_that_stays_loses_nothing() -> None:
    [said] = prospect(KEEPING, [], [], MORNING)
    assert "the database stays as it is" in said


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (FULL, f"--backup-timestamp {SET.timestamp}"),
        (KEEPING, f"--backup-timestamp {SET.timestamp} --keep-database"),
        (replace(KEEPING, target=Target(release("1"), None)), ""),
    ],
)
def test_the_command_does_the_same_by_hand(request_: Request, words: str) -> None:
    assert command(request_, "shop") == f"ops-watchdog rollback --stack shop {words}".strip()
