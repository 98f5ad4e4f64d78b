"""What is due for a displaced database, and which databases are displaced, decided from rows alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes import MORNING
from tests.rollback.samples import operation
from watchdog.errors import Busy
from watchdog.rollback.displaced import Displaced, Stage, due, newly_displaced, swapped_by, why_not_put_back
from watchdog.rollback.farewell import require_unneeded
from watchdog.rollback.operation import Operation, Outcome, Progress, StepRecord

KEEP, KEEP_DUMP = timedelta(hours=72), timedelta(days=30)
NAME = "shop_pre_rollback_20261120_090000"
FILE = "pre_rollback_20261120_090000.dump.zst"
FRESH = Displaced(
    "o1", "shop", NAME, "shop", "database", MORNING, dump="pre_rollback_20261120_090000.dump.zst"
)
DUMPED = replace(FRESH, opened_at=MORNING, accounted_at=MORNING, dumped_at=MORNING)
DROPPED = replace(DUMPED, proved_at=MORNING, gone_at=MORNING)


@pytest.mark.parametrize(
    ("record", "after", "stage"),
    [
        (FRESH, timedelta(0), Stage.OPEN),
        (replace(FRESH, opened_at=MORNING), timedelta(0), Stage.ACCOUNT),
        (replace(FRESH, opened_at=MORNING, accounted_at=MORNING), timedelta(days=9), Stage.DUMP),
        (DUMPED, timedelta(hours=71, minutes=59), None),
        (DUMPED, timedelta(hours=72), Stage.PROVE),
        (replace(DUMPED, proved_at=MORNING), timedelta(hours=71), None),
        (replace(DUMPED, proved_at=MORNING), timedelta(hours=72), Stage.DROP),
        (replace(DUMPED, accounted_at=None, proved_at=MORNING), timedelta(days=99), Stage.ACCOUNT),
        (DROPPED, timedelta(days=29), None),
        (DROPPED, timedelta(days=30), Stage.FORGET),
        (replace(DROPPED, forgotten_at=MORNING), timedelta(days=99), None),
        (replace(FRESH, gone_at=MORNING), timedelta(days=29), None),
    ],
)
def test_each_stage_waits_for_those_before_it_and_dropping_for_its_time(
    record: Displaced, after: timedelta, stage: Stage | None
) -> None:
    assert due(record, MORNING + after, KEEP, KEEP_DUMP) is stage


def ended(outcome: Outcome, **changes: object) -> Operation:
    return operation(**{"started_at": MORNING, "ended_at": MORNING, "outcome": outcome, **changes})


def step(name: str, operation_id: str = "o1", **facts: object) -> StepRecord:
    return StepRecord(operation_id, name, Progress.DONE, MORNING, facts=dict(facts))


PREFLIGHT = step("preflight", databases={"shop": {"side": "s", "displaced": NAME}})
SWAP = step("restore_database", displaced={"shop": NAME}, moments={"shop": "9:9:"})


@pytest.mark.parametrize(
    ("outcome", "steps", "expected"),
    [
        (Outcome.SUCCEEDED, (PREFLIGHT, SWAP), {"shop": NAME}),
        (Outcome.HELD, (PREFLIGHT, SWAP), {"shop": NAME}),
        (Outcome.HELD, (PREFLIGHT,), {"shop": NAME}),  # it may have died, or failed, after the swap
        (Outcome.ABORTED, (PREFLIGHT,), {}),
        (Outcome.REFUSED, (PREFLIGHT,), {}),
        (Outcome.RUNNING, (PREFLIGHT, SWAP), {}),
        (Outcome.SUCCEEDED, (), {}),
    ],
)
def test_the_journal_tells_what_was_displaced(
    outcome: Outcome, steps: tuple[StepRecord, ...], expected: dict[str, str]
) -> None:
    assert swapped_by(ended(outcome), steps) == expected


def test_a_record_is_made_once_for_each_database_of_the_stack() -> None:
    operations, journal = [ended(Outcome.SUCCEEDED)], {"o1": (PREFLIGHT, SWAP)}
    [record] = newly_displaced(operations, journal, set(), {"shop": "database"})
    assert (record.name, record.swapped, record.at) == (NAME, "9:9:", MORNING)
    assert record.dump == FILE
    assert newly_displaced(operations, journal, {("o1", "shop")}, {"shop": "database"}) == []
    assert newly_displaced(operations, journal, set(), {"other": "database"}) == []
    [one] = newly_displaced(operations, journal, set(), {"shop": "database", "auth": "database"})
    assert one.dump == "pre_rollback_20261120_090000.shop.dump.zst"


def test_what_an_undo_displaced_was_the_copy_that_the_rollback_had_swapped_in() -> None:
    undo = replace(ended(Outcome.SUCCEEDED), id="o2", undoes="o1", backup=None)
    journal = {"o1": (PREFLIGHT, SWAP), "o2": (step("return_database", "o2", displaced={"shop": "later"}),)}
    first = ended(Outcome.SUCCEEDED, backup="20261120_085900")
    [record] = newly_displaced([undo, first], journal, {("o1", "shop")}, {"shop": "database"})
    assert (record.name, record.since, record.backup) == ("later", "9:9:", "20261120_085900")


@pytest.mark.parametrize("outcome", [Outcome.RUNNING, Outcome.HELD])
def test_nothing_is_dropped_while_the_newest_rollback_is_open_or_held(outcome: Outcome) -> None:
    with pytest.raises(Busy, match="may still be needed"):
        require_unneeded([ended(outcome)])
    for later in (Outcome.REFUSED, Outcome.ABORTED):
        with pytest.raises(Busy, match="may still be needed"):
            require_unneeded([ended(later), ended(outcome)])
    require_unneeded([ended(Outcome.SUCCEEDED)])
    require_unneeded([ended(Outcome.SUCCEEDED), ended(outcome)])
    require_unneeded([])


FIRST = ended(Outcome.SUCCEEDED)
UNDO = replace(FIRST, id="o2", undoes="o1", returning={"shop": NAME})


@pytest.mark.parametrize(
    ("operations", "record", "reason"),
    [
        pytest.param([FIRST], FRESH, "", id="what is missing was lost"),
        pytest.param([UNDO, FIRST], FRESH, "was undone by o2", id="it is live again"),
        pytest.param([replace(UNDO, outcome=Outcome.HELD), FIRST], FRESH, "was undone by o2", id="or half"),
        pytest.param([replace(UNDO, outcome=Outcome.ABORTED), FIRST], FRESH, "", id="it did not come back"),
        pytest.param(
            [UNDO, FIRST], replace(FRESH, operation="o2", name="later"), "used since", id="an undo's"
        ),
        pytest.param([], FRESH, "used since", id="nobody knows any more what displaced it"),
    ],
)
def test_rows_are_put_back_only_where_a_missing_one_was_lost(
    operations: list[Operation], record: Displaced, reason: str
) -> None:
    why = why_not_put_back(record, operations)
    assert reason in why
    assert bool(why) is bool(reason)
