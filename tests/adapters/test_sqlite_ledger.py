from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import MORNING
from tests.stack.samples import config_file, release
from watchdog.adapters.sqlite_ledger import SqliteLedger, _adapter
from watchdog.alert import Alert, Level
from watchdog.alert.alarm import Alarm
from watchdog.deploy.deployment import Deployment, Kind, Phase
from watchdog.rollback.displaced import Displaced
from watchdog.rollback.ledger import Audit, Mark, Noted, Seen, Standing, Transition
from watchdog.rollback.operation import Operation, Outcome, Progress, StepRecord
from watchdog.rollback.proposal import Proposal
from watchdog.rollback.suspension import Suspends, Suspension
from watchdog.stack import Release

LATER = MORNING + timedelta(microseconds=1)
ALERT = Alert("a1", "shop", Level.CRITICAL, "held", "text", MORNING, (("Backup", "none"),))
OPERATION = Operation(
    "o1", "shop", "full", "release-1", "20261120_085900", "d1", "automatic", ("api: HTTP 500",), MORNING
)
DEPLOYMENT = Deployment(
    id="d1",
    stack="shop",
    kind=Kind.ANNOUNCED,
    phase=Phase.MONITORING,
    started_at=MORNING,
    command=("deploy.sh", "--no-rollback"),
    command_ended_at=LATER,
    exit_code=0,
    baseline={"id-backend": 2},
    baseline_red=frozenset({"api"}),
    expected=frozenset({"backend", "web"}),
    allowed=False,
    reasons=("why",),
)
STEP = StepRecord("o1", "preflight", Progress.DONE, MORNING, LATER, {"containers": [{"id": "x"}], "n": None})


DISPLACED = Displaced(
    "o1", "shop", "shop_pre_rollback_20261120_090000", "shop", "database", MORNING, opened_at=MORNING
)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    ledger = SqliteLedger(tmp_path / "state" / "state.db")
    yield ledger
    await ledger.close()


async def test_every_record_comes_back_as_it_was_written(ledger: SqliteLedger) -> None:
    seen = Seen("shop", (("backend", "sha256:1", "h"),), MORNING)
    audit = Audit("shop", MORNING, "user root (uid 0)", "deploy", "x")
    transition = Transition("shop", "api", "red", MORNING, "HTTP 500")
    mark = Mark("shop", "f1", Standing.FAILED, MORNING, "api")
    await ledger.write(
        release(), DEPLOYMENT, OPERATION, STEP, ALERT, seen, audit, transition, mark, DISPLACED
    )
    assert await ledger.release("release-1") == release()
    assert await ledger.deployment("d1") == DEPLOYMENT
    assert await ledger.operation("o1") == OPERATION
    assert await ledger.steps("o1") == (STEP,)
    assert await ledger.pending_alerts() == (ALERT,)
    assert await ledger.seen("shop") == seen
    assert await ledger.displaced("shop") == (DISPLACED,)
    assert await ledger.audits("shop") == (audit,)
    assert await ledger.transitions("shop") == (transition,)
    assert await ledger.marks("shop") == {"f1": mark}


async def test_what_explains_and_what_suspends_comes_back_too(ledger: SqliteLedger) -> None:
    first, second = Noted("shop", MORNING, "signal", "api: red", "d1"), Noted("shop", LATER, "armed", "armed")
    pause = Suspension("shop", Suspends.PAUSE, MORNING, LATER, "root", "a fair")
    proposal = Proposal("d1", "shop", MORNING, LATER, "release-1", None, "full", ("api: red",))
    alarm = Alarm("shop", "check api", "HTTP 500", MORNING, told_at=LATER, reminders=2)
    await ledger.write(first, second, pause, proposal, alarm)
    assert await ledger.noted("shop") == (second, first)
    assert await ledger.noted("shop", "d1") == (first,)
    assert await ledger.suspensions("shop") == (pause,)
    assert await ledger.proposal("d1") == proposal
    assert await ledger.alarms("shop") == (alarm,)
    await ledger.write(replace(pause, ended_at=LATER), replace(alarm, cleared_at=LATER))
    assert [s.ended_at for s in await ledger.suspensions("shop")] == [LATER]
    assert [a.lasts for a in await ledger.alarms("shop")] == [False]


async def test_what_was_never_written_is_none(ledger: SqliteLedger) -> None:
    assert await ledger.release("gone") is None
    assert await ledger.last_known_good("shop") is None
    assert await ledger.newest_release("shop") is None
    assert await ledger.seen("shop") is None
    assert await ledger.operations("shop") == ()


@given(st.binary(max_size=300), st.integers(0, 0o7777))
def test_any_bytes_of_a_file_survive_storage(content: bytes, mode: int) -> None:
    kept = release(files=(replace(config_file(content=content), mode=mode),))
    adapter = _adapter(Release)
    assert adapter.validate_json(adapter.dump_json(kept)) == kept


async def test_bytes_that_are_no_text_survive_the_disk(ledger: SqliteLedger) -> None:
    kept = release(
        files=(config_file(content=bytes(range(256))), config_file("/srv/täg/.env", b"\xff\xfe\x00"))
    )
    await ledger.write(kept)
    assert await ledger.release(kept.id) == kept


async def test_records_written_together_are_there_together_or_not_at_all(ledger: SqliteLedger) -> None:
    await ledger.write(OPERATION)
    unstorable = replace(STEP, facts={"handle": object()})
    with pytest.raises(Exception, match="serialize"):
        await ledger.write(replace(OPERATION, outcome=Outcome.HELD), ALERT, unstorable)
    assert await ledger.operation("o1") == OPERATION
    assert await ledger.pending_alerts() == ()
    await ledger.write(ALERT)
    assert await ledger.pending_alerts() == (ALERT,)


async def test_a_step_that_is_repeated_overwrites_its_row_and_moves_to_the_end(ledger: SqliteLedger) -> None:
    stop = replace(STEP, step="stop_services", progress=Progress.INTENT, started_at=LATER)
    await ledger.write(STEP)
    await ledger.write(stop)
    again = replace(STEP, started_at=LATER + timedelta(seconds=1))
    await ledger.write(again)
    assert await ledger.steps("o1") == (stop, again)


async def test_a_list_begins_with_the_newest_and_ends_at_the_limit(ledger: SqliteLedger) -> None:
    moments = [MORNING, LATER, MORNING + timedelta(seconds=1), MORNING + timedelta(days=400)]
    made = [replace(OPERATION, id=str(n), started_at=at) for n, at in enumerate(moments)]
    await ledger.write(*made, replace(OPERATION, id="other", stack="blog"))
    assert await ledger.operations("shop", limit=3) == tuple(reversed(made))[:3]


async def test_settled_alerts_wait_no_more_and_the_others_oldest_first(ledger: SqliteLedger) -> None:
    old, new = replace(ALERT, id="z"), replace(ALERT, id="a", at=LATER)
    await ledger.write(
        new, old, replace(ALERT, id="sent", sent_at=LATER), replace(ALERT, id="dead", dead="404")
    )
    assert await ledger.pending_alerts() == (old, new)
    await ledger.save_alert(replace(old, sent_at=LATER))
    assert await ledger.pending_alerts() == (new,)


GOOD, FAILED = Standing.GOOD, Standing.FAILED


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], None),
        ([("1", GOOD)], "1"),
        ([("1", GOOD), ("2", GOOD)], "2"),
        ([("1", GOOD), ("2", FAILED)], "1"),
        ([("1", GOOD), ("2", GOOD), ("2", FAILED)], "1"),
        ([("1", GOOD), ("2", GOOD), ("1", GOOD)], "1"),
        ([("1", FAILED)], None),
        ([("1", FAILED), ("1", GOOD)], "1"),
    ],
)
async def test_the_last_known_good_is_what_was_seen_good_last_and_not_failed_since(
    ledger: SqliteLedger, history: list[tuple[str, Standing]], expected: str | None
) -> None:
    await ledger.write(release("1"), release("2"))
    for number, (name, standing) in enumerate(history):
        at = MORNING + timedelta(seconds=number)
        await ledger.write(Mark("shop", release(name).fingerprint, standing, at))
    good = await ledger.last_known_good("shop")
    assert (good and good.id) == (f"release-{expected}" if expected else None)


async def test_of_one_fingerprint_the_release_captured_last_counts(ledger: SqliteLedger) -> None:
    newer = replace(release(), id="again", captured_at=LATER)
    await ledger.write(newer, release(), replace(release("2"), captured_at=MORNING - timedelta(days=1)))
    assert await ledger.newest_release("shop", release().fingerprint) == newer
    assert await ledger.newest_release("shop") == newer


def test_moments_with_and_without_microseconds_sort_as_text() -> None:
    moments = [datetime(2026, 11, 20, 9, 0, 0, micro, tzinfo=UTC) for micro in (0, 1, 500_000, 999_999)]
    assert sorted(moment.isoformat() for moment in moments) == [moment.isoformat() for moment in moments]


async def test_what_happened_in_a_time_is_found_oldest_first_ends_included(ledger: SqliteLedger) -> None:
    moments = [MORNING + timedelta(seconds=s) for s in (0, 0.5, 1, 60)]
    turned = [Transition("shop", "api", "red", at) for at in moments]
    await ledger.write(*reversed(turned), Transition("other", "api", "red", moments[1]))
    assert await ledger.during(Transition, "shop", moments[0], moments[2]) == tuple(turned[:3])
    assert await ledger.during(Transition, "shop", moments[1], moments[3], limit=1) == (turned[1],)
    assert await ledger.during(Noted, "shop", moments[0], moments[3]) == ()


async def test_deployments_and_rollbacks_are_counted_by_how_they_ended(ledger: SqliteLedger) -> None:
    ended = [("a", Outcome.HELD), ("b", Outcome.SUCCEEDED), ("c", Outcome.SUCCEEDED)]
    await ledger.write(*(replace(OPERATION, id=name, outcome=outcome) for name, outcome in ended))
    await ledger.write(DEPLOYMENT, replace(OPERATION, id="d", stack="other"))
    assert await ledger.tally(Operation, "shop") == {"held": 1, "succeeded": 2}
    assert await ledger.tally(Deployment, "shop") == {"monitoring": 1}


async def test_what_grows_by_itself_is_trimmed_to_the_newest_of_a_stack(ledger: SqliteLedger) -> None:
    lines = [Noted("shop", MORNING + timedelta(seconds=s), "verdict", str(s)) for s in range(5)]
    api = [Transition("shop", "api", "red", MORNING + timedelta(seconds=s)) for s in range(1, 4)]
    seldom = Transition("shop", "seldom", "red", MORNING)
    elsewhere = Noted("other", MORNING, "verdict", "x")
    await ledger.write(*lines, seldom, *api, elsewhere)
    assert await ledger.trim("shop", keep=2) == 4
    assert [line.text for line in await ledger.noted("shop")] == ["4", "3"]
    assert await ledger.transitions("shop") == (api[2], api[1], seldom)
    assert await ledger.noted("other") == (elsewhere,)
    assert await ledger.trim("shop", keep=2) == 0
