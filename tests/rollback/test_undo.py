"""What an undo brings back: the release and the databases that belong together, or the reason why not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.fakes import MORNING
from tests.rollback.samples import ago, operation
from tests.stack.samples import release
from watchdog.errors import Refused, UsageError
from watchdog.rollback.operation import Operation, Outcome, Progress, StepRecord
from watchdog.rollback.undo import Journal, Undo, as_it_ran, undo

NEW, OLD = "fingerprint-2", "fingerprint-1"
DISPLACED = {"shop": "shop_pre_rollback_1"}
HELD, SUCCEEDED = Outcome.HELD, Outcome.SUCCEEDED


def done(name: str, minutes: float, **fields: Any) -> Operation:
    """A rollback from the newer release to the older one."""
    ordinary = {
        "id": name,
        "outcome": SUCCEEDED,
        "started_at": ago(minutes=minutes),
        "from_release": "release-2",
        "from_fingerprint": NEW,
        "target_fingerprint": OLD,
    }
    return operation(**{**ordinary, **fields})


def steps(
    *names: str, failed: str = "", displaced: dict[str, str] | None = None, by: str = "restore_database"
) -> tuple[StepRecord, ...]:
    """A journal: these steps are done, the exchange too where it displaced something."""
    made = [StepRecord("o", name, Progress.DONE, MORNING) for name in names]
    if displaced:
        made.append(StepRecord("o", by, Progress.DONE, MORNING, facts={"displaced": displaced}))
    if failed:
        made.append(StepRecord("o", failed, Progress.FAILED, MORNING))
    return tuple(made)


Steps = dict[str, tuple[StepRecord, ...]]
SWAPPED = steps(displaced=DISPLACED)
SWAPPED_AGAIN = steps(displaced={"shop": "shop_pre_rollback_2"})


def undone(wanted: str, *newest_first: Operation, running: str = OLD, journal: Steps | None = None) -> Undo:
    whole: Journal = {o.id: (journal or {}).get(o.id, ()) for o in newest_first}
    return undo(wanted, newest_first, whole, running)


def test_the_newer_release_and_what_was_displaced_come_back_together() -> None:
    found = undone("r", done("r", 5), journal={"r": SWAPPED})
    assert (found.plan, found.release, found.returning) == ("undo", "release-2", DISPLACED)


def test_where_the_database_was_kept_images_and_files_come_back() -> None:
    found = undone("r", done("r", 5, plan="keep database"))
    assert (found.plan, found.release, found.returning) == ("keep database", "release-2", {})


def test_a_kept_database_that_yet_another_release_has_used_is_refused() -> None:
    with pytest.raises(Refused, match="something else runs by now"):
        undone("r", done("r", 5, plan="keep database"), running="fingerprint-3")


def test_a_database_that_was_exchanged_alone_comes_back_alone() -> None:
    alone = done("r", 5, plan="database only", target_fingerprint=NEW)
    found = undone("r", alone, running=NEW, journal={"r": SWAPPED})
    assert (found.plan, found.release, found.returning) == ("undo database only", None, DISPLACED)


def test_where_another_release_runs_by_now_the_one_of_that_database_comes_with_it() -> None:
    alone = done("r", 5, plan="database only", target_fingerprint=NEW)
    found = undone("r", alone, running="fingerprint-3", journal={"r": SWAPPED})
    assert (found.plan, found.release, found.returning) == ("undo", "release-2", DISPLACED)


REFUSALS: list[tuple[list[Operation], Steps, str]] = [
    ([done("r", 5, outcome=Outcome.REFUSED)], {}, "was refused: it changed nothing"),
    ([done("r", 5, outcome=Outcome.ABORTED)], {}, "was aborted: it changed nothing"),
    ([done("r", 5, from_release=None)], {"r": SWAPPED}, "was never captured"),
    ([done("s", 1), done("r", 5)], {}, "rollback s happened since.*--undo s"),
    ([operation(id="s"), done("r", 5)], {}, "rollback s is not over yet"),
    (
        [done("r", 5, outcome=HELD)],
        {"r": steps("preflight", failed="restore_database")},
        "may stand exchanged in part",
    ),
]


@pytest.mark.parametrize(("operations", "journal", "reason"), REFUSALS)
def test_each_refusal_says_why(operations: list[Operation], journal: Steps, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        undone("r", *operations, journal=journal)


def test_an_empty_database_that_stood_for_one_that_was_gone_does_not_come_back() -> None:
    [exchanged] = SWAPPED
    emptied = replace(exchanged, facts={**exchanged.facts, "placeholders": ["shop"]})
    with pytest.raises(Refused, match="there was no database shop any more"):
        undone("r", done("r", 5), journal={"r": (emptied,)})


def test_an_id_that_nobody_knows_is_answered_with_the_newest() -> None:
    with pytest.raises(UsageError, match="there is no rollback x; the newest: r"):
        undone("x", done("r", 5))


def test_what_changed_nothing_since_is_no_obstacle() -> None:
    refused = done("s", 1, outcome=Outcome.REFUSED)
    assert undone("r", refused, done("r", 5), journal={"r": SWAPPED}).plan == "undo"


def test_one_that_failed_before_its_swap_is_undone_by_starting_what_ran() -> None:
    held, failed = done("r", 5, outcome=HELD), steps("require_not_swapped", failed="restore_database")
    found = undone("r", held, running=NEW, journal={"r": failed})
    assert (found.plan, found.release, found.returning) == ("keep database", "release-2", {})


STOPPED = ("release-2", NEW)
REPLACED = ("release-1", OLD)


@pytest.mark.parametrize(
    ("plan", "ran", "release", "returning"),
    [
        ("keep database", STOPPED, "release-2", DISPLACED),
        ("keep database", REPLACED, "release-2", DISPLACED),
        ("full", STOPPED, "release-2", DISPLACED),
        ("full", REPLACED, "release-1", {"shop": "shop_pre_rollback_2"}),
    ],
)
def test_one_that_went_on_with_a_held_one_brings_back_a_pair_that_belongs_together(
    plan: str, ran: tuple[str, str], release: str, returning: dict[str, str]
) -> None:
    """The newer release would meet the older data otherwise: that stood swapped in already."""
    held = done("r", 9, outcome=HELD)
    following = done("s", 5, plan=plan, from_release=ran[0], from_fingerprint=ran[1])
    second = {"s": SWAPPED_AGAIN} if plan == "full" else {}
    found = undone("s", following, held, journal={"r": SWAPPED, **second})
    assert (found.plan, found.release, found.returning) == ("undo", release, returning)


def test_what_an_older_version_held_cannot_be_told_apart_so_it_is_refused() -> None:
    held = done("r", 9, outcome=HELD, from_release=None, from_fingerprint="", target_fingerprint="")
    with pytest.raises(Refused, match="was never captured"):
        undone("s", done("s", 5, plan="keep database"), held, journal={"r": SWAPPED})


def test_an_undo_that_was_held_after_its_swap_goes_on_without_the_database() -> None:
    """By the same command; the undo of all that returns to the beginning."""
    back = {"shop": "shop_pre_rollback_2"}
    first = done("r", 9)
    backwards = {
        "undoes": "r",
        "from_release": "release-1",
        "from_fingerprint": OLD,
        "target_fingerprint": NEW,
    }
    held = done("u", 5, plan="undo", outcome=HELD, **backwards)
    journal = {"r": SWAPPED, "u": steps(displaced=back, by="return_database")}
    again = undone("r", held, first, running=OLD, journal=journal)
    assert (again.plan, again.release, again.returning) == ("keep database", "release-2", {})
    done_again = done("v", 1, plan="keep database", **backwards)
    found = undone("v", done_again, held, first, running=NEW, journal=journal)
    assert (found.plan, found.release, found.returning) == ("undo", "release-1", back)


CONTAINERS = [
    {"service": "backend", "state": "restarting", "exit_code": 0},
    {"service": "worker", "state": "exited", "exit_code": 1},
    {"service": "mailer", "state": "exited", "exit_code": 143},
    {"service": "migrate", "state": "exited", "exit_code": 0},
]


def test_what_ran_or_had_crashed_runs_again_and_what_was_stopped_stays_stopped() -> None:
    captured = release("2", "backend", "worker", "mailer", "migrate")
    failing = replace(captured, services=tuple(replace(s, running=False) for s in captured.services))
    seen = (StepRecord("o", "preflight", Progress.DONE, MORNING, facts={"containers": CONTAINERS}),)
    found = as_it_ran(failing, seen)
    assert {s.service: s.running for s in found.services} == {
        "backend": True,
        "worker": True,
        "mailer": False,
        "migrate": False,
    }
    assert (found.id, found.fingerprint) == ("release-2-undo", failing.fingerprint)
    assert as_it_ran(found, seen) == found
