"""Where to go back to: every refusal, and every choice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import MORNING
from tests.rollback.samples import ago, backup, deployment, operation
from tests.stack.samples import container, release
from watchdog.backup.backup import Account, Backup, DatabaseDump, Level
from watchdog.clock import Uptime
from watchdog.errors import Refused
from watchdog.rollback.ledger import Mark, Standing
from watchdog.rollback.operation import Operation, Outcome
from watchdog.rollback.target import (
    PER_DAY,
    as_it_runs,
    automatic_target,
    budget_spent,
    database_only_target,
    newest_target,
    permit,
    requested_target,
)
from watchdog.stack import Contents, Stack

RUNNING = release("2").fingerprint
Marks = dict[str, Mark]


def marks(**standings: Standing) -> Marks:
    """Marks of the releases r1, r2, … by experience."""
    releases = {name: release(name.removeprefix("r")).fingerprint for name in standings}
    return {
        releases[name]: Mark("shop", releases[name], standing, MORNING, "api: HTTP 500")
        for name, standing in standings.items()
    }


GOOD, FAILED = Standing.GOOD, Standing.FAILED


@pytest.mark.parametrize(
    ("history", "refusal"),
    [
        ([], None),
        ([operation()], None),
        ([operation(deployment="d1")], "deployment d1 was rolled back already"),
        ([operation(deployment="d1", outcome=Outcome.REFUSED)], "rolled back already"),
        ([operation(deployment="d1", started_at=ago(days=9))], "rolled back already"),
        ([operation(deployment="d1", actor="user root (uid 0)")], None),
        ([operation(), operation()], "2 automatic rollbacks in 24 h"),
        ([operation(), operation(), operation()], "3 automatic rollbacks in 24 h"),
        ([operation(), operation(actor="user root (uid 0)")], None),
        ([operation(), operation(started_at=ago(hours=23, minutes=59))], "2 automatic rollbacks"),
        ([operation(), operation(started_at=ago(hours=24))], None),
        ([operation(), operation(outcome=Outcome.REFUSED)], None),
        ([operation(), operation(outcome=Outcome.REFUSED), operation(outcome=Outcome.HELD)], "2 automatic"),
    ],
)
def test_one_automatic_rollback_a_deployment_and_two_in_a_day(
    history: list[Operation], refusal: str | None
) -> None:
    if refusal is None:
        permit(deployment(), history, MORNING)
    else:
        with pytest.raises(Refused, match=refusal):
            permit(deployment(), history, MORNING)


@given(st.lists(st.floats(0, 72), max_size=6))
def test_no_day_holds_more_automatic_rollbacks_than_allowed(hours: Sequence[float]) -> None:
    """Whoever asks before each one never gets a third within 24 hours."""
    done: list[Operation] = []
    for number, hour in enumerate(sorted(hours)):
        now = MORNING + timedelta(hours=hour)
        try:
            permit(deployment(id=f"d{number}"), done, now)
        except Refused:
            continue
        done.append(operation(deployment=f"d{number}", started_at=now))
    for first in done:
        day = [o for o in done if timedelta(0) <= o.started_at - first.started_at < timedelta(hours=24)]
        assert len(day) <= PER_DAY


def test_a_spent_budget_says_from_when_on_the_next_one_is_possible() -> None:
    history = [operation(started_at=ago(hours=h)) for h in (1, 5, 9)]
    again = (MORNING + timedelta(hours=19)).astimezone()
    with pytest.raises(Refused, match=f"possible from {again:%Y-%m-%d %H:%M} on"):
        permit(deployment(), history, MORNING)
    permit(deployment(), history, MORNING + timedelta(hours=19))


HOUR = 3600.0


@pytest.mark.parametrize(
    ("jump", "passed", "boot", "spent"),
    [
        (timedelta(days=3), 1 * HOUR, "b1", True),  # put forward: no time has passed by that
        (timedelta(days=-300), 25 * HOUR, "b1", False),  # put back: they are over all the same
        (timedelta(days=-300), 1 * HOUR, "b1", True),
        (timedelta(days=3), 1 * HOUR, "b2", False),  # after a reboot only the wall clock can tell
        (timedelta(hours=1), 1 * HOUR, "", True),
    ],
)
def test_a_clock_that_jumps_neither_frees_the_budget_nor_blocks_it(
    jump: timedelta, passed: float, boot: str, spent: bool
) -> None:
    history = [operation(started_at=MORNING, uptime=Uptime("b1", 500.0)) for _ in range(2)]
    told = budget_spent(history, MORNING + jump, Uptime(boot, 500.0 + passed))
    assert bool(told) is spent


def test_goes_back_to_the_last_known_good_release_and_the_deployments_own_backup() -> None:
    own, newer = backup(2), backup(1)
    target = automatic_target(
        deployment(backup=own.timestamp), release("1"), [newer, own], marks(r1=GOOD), False
    )
    assert (target.release, target.backup) == (release("1"), own)


@pytest.mark.parametrize(
    ("good", "known", "runs", "refusal"),
    [
        (None, {}, False, "no release has been seen healthy yet"),
        ("1", marks(r1=FAILED), False, r"release release-1 failed before \(api: HTTP 500\)"),
        ("1", {}, True, "what runs is release release-1 itself"),
        ("1", marks(r1=GOOD), True, "would change nothing"),
    ],
)
def test_never_to_nothing_to_a_failed_release_or_to_the_one_that_runs(
    good: str | None, known: Marks, runs: bool, refusal: str
) -> None:
    with pytest.raises(Refused, match=refusal):
        automatic_target(deployment(), release(good) if good else None, [backup()], known, runs)


@pytest.mark.parametrize(
    ("backups", "chosen"),
    [
        ([], None),
        ([backup(1), backup(2)], 0),
        ([backup(1, of="2"), backup(2)], 1),
        ([backup(1, of="2")], None),
        ([backup(1, of=None)], None),
        ([backup(-1), backup(2)], 1),
        ([backup(1, level=Level.UNVERIFIED, release=None), backup(2)], 1),
        ([backup(1, level=Level.DAMAGED), backup(2, level=Level.VERIFIED)], 1),
    ],
    ids=[
        "none",
        "the newest",
        "not one of another release",
        "only one of another release",
        "of an unknown release",
        "not one made after the deployment",
        "not a script's",
        "not a damaged one",
    ],
)
def test_without_a_backup_of_its_own_the_newest_complete_one_of_the_good_release_before_it(
    backups: list[Backup], chosen: int | None
) -> None:
    target = automatic_target(deployment(), release("1"), backups, {}, False)
    assert target.backup == (None if chosen is None else backups[chosen])


def test_a_lost_backup_of_its_own_is_replaced_by_another_of_the_same_release() -> None:
    other = backup(30)
    lost = deployment(backup="20261120_085900")
    assert automatic_target(lost, release("1"), [other], {}, False).backup == other


BACKUPS = st.lists(
    st.builds(
        lambda minutes, of, level: backup(minutes, of, level=level),
        st.floats(-60, 600),
        st.sampled_from(["1", "2", None]),
        st.sampled_from(Level),
    )
)


@given(BACKUPS)
def test_data_of_one_release_is_never_paired_with_another(backups: list[Backup]) -> None:
    newest_first = sorted(backups, key=lambda b: b.at, reverse=True)
    chosen = automatic_target(deployment(), release("1"), newest_first, {}, False).backup
    fitting = [b for b in newest_first if b.release == release("1") and b.complete and b.at <= MORNING]
    assert chosen == (fitting[0] if fitting else None)


def test_what_a_person_names_is_taken_as_it_is() -> None:
    chosen = backup(60 * 24 * 30, of="7")
    target = requested_target(chosen)
    assert (target.release, target.backup) == (release("7"), chosen)


def test_a_named_backup_without_a_release_is_refused_with_a_remedy() -> None:
    with pytest.raises(Refused, match=r"does not say which images ran.*'ops-watchdog backups list'"):
        requested_target(backup(of=None))


@pytest.mark.parametrize(
    ("backups", "known", "chosen"),
    [
        ([backup(1, of="2"), backup(2, of="1")], {}, 1),
        ([backup(1, of="3"), backup(2, of="1")], marks(r3=FAILED), 1),
        ([backup(1, of="3"), backup(2, of="1")], marks(r3=GOOD), 0),
        ([backup(1, of=None), backup(2, of="1")], {}, 1),
        ([backup(1, of="1", level=Level.DAMAGED), backup(2, of="1")], {}, 1),
    ],
)
def test_who_names_none_gets_the_newest_of_another_release_that_did_not_fail(
    backups: list[Backup], known: Marks, chosen: int
) -> None:
    target = newest_target(backups, known, RUNNING)
    assert target.backup == backups[chosen]
    assert target.release == backups[chosen].release


@pytest.mark.parametrize("backups", [[], [backup(of="2")], [backup(of=None)], [backup(of="3")]])
def test_where_every_backup_is_of_what_runs_or_failed_a_person_has_to_name_one(backups: list[Backup]) -> None:
    with pytest.raises(Refused, match="--backup-timestamp"):
        newest_target(backups, marks(r3=FAILED), RUNNING)


@pytest.mark.parametrize(
    ("of", "live", "fits"),
    [
        ("1", "schema-1", True),
        ("1", "schema-2", False),
        ("1", None, False),
        (None, "schema-1", True),
        (None, None, False),
        ("2", "schema-2", True),
        ("2", None, True),
    ],
)
def test_a_database_goes_back_alone_where_it_fits_what_runs(
    of: str | None, live: str | None, fits: bool
) -> None:
    """Release 2 runs: its own backups fit it whatever the database is like now, even if it cannot be read."""
    restored = backup(of=of, dumps=(dump(),))
    if fits:
        found = database_only_target(restored, release("2"), RUNNING, {"shop": live})
        assert (found.release, found.backup) == (release("2"), restored)
    else:
        with pytest.raises(Refused, match="is of another release than the one that runs"):
            database_only_target(restored, release("2"), RUNNING, {"shop": live})


def test_nobody_knows_the_schema_of_a_set_made_by_a_script_so_a_person_may_choose_it() -> None:
    legacy = backup(of=None, level=Level.UNVERIFIED)
    assert database_only_target(legacy, release("2"), RUNNING, {"shop": "schema-2"}).backup == legacy


def dump() -> DatabaseDump:
    contents = Contents(150018, {}, {})
    return DatabaseDump("shop", "database", "db.dump.zst", Account("1:1:", 1, "schema-1", {}, contents))


def test_what_runs_uncaptured_is_known_by_its_containers() -> None:
    found = as_it_runs(
        Stack("shop", "shop", Path("/srv"), ()),
        [container("web", state="exited"), container("backend"), container("job", one_off=True)],
        MORNING,
    )
    assert [(s.service, s.running) for s in found.services] == [("backend", True), ("web", False)]
    assert found.files == ()


@pytest.mark.parametrize("standing", [GOOD, Standing.CLEARED])
def test_a_release_that_an_undo_cleared_is_a_target_again(standing: Standing) -> None:
    assert newest_target([backup(of="1")], marks(r1=standing), RUNNING).release == release("1")
